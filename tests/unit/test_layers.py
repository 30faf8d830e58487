"""The house keeps its layers: who imports whom, which library stands where, what the core never touches."""

import ast
import functools
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[2]

LAYERS = (
    {"errors"},
    {"core"},
    {"system"},
    {"http", "python", "wheels"},
    {"storage", "cache"},
    {"index", "repository", "solve"},
    {"build", "apply"},
    {"ops"},
    {"cli"},
    {"__main__"},
)
"""From the bottom up. A part imports from layers below its own, and never from a neighbour in its layer."""
PURE = ("errors", "core", "solve")
PROGRAMS = {"pipper.python.probe", "pipper.apply.compiling"}
"""Run by path in another interpreter: standard output is their answer, the standard library all they have."""

CONFINED = {
    "click": ("pipper.cli",),
    "rich": ("pipper.cli",),
    "boto3": ("pipper.storage.s3",),
    "botocore": ("pipper.storage.s3",),
    "mypy_boto3_s3": ("pipper.storage.s3",),
    "s3transfer": ("pipper.storage.s3",),
    "installer": ("pipper.apply", "pipper.wheels"),
    "build": ("pipper.build",),
    "resolvelib": ("pipper.solve.provider",),
    "yaml": ("pipper.wheels.plain_yaml",),
    "cyclonedx": ("pipper.ops.share.sbom",),
    "packageurl": ("pipper.ops.share.sbom",),
    "isal": ("pipper.wheels.zip.inflate",),
    "markdown_it": ("pipper.core.site.description",),
}
IMPORTED_AS = {
    "backports-tarfile": {"backports"},
    "pyyaml": {"yaml"},
    "markdown-it-py": {"markdown_it"},
    "cyclonedx-python-lib": {"cyclonedx", "packageurl"},
    "boto3": {"boto3", "botocore", "s3transfer"},
    "build": {"build", "pyproject_hooks"},
}

PARSERS = {
    **dict.fromkeys(("Version", "Specifier", "SpecifierSet", "Requirement", "Marker"), ("core.standards",)),
    **dict.fromkeys(("parse_wheel_filename", "parse_sdist_filename"), ("core.standards",)),
    **dict.fromkeys(("urlsplit", "urlparse", "urljoin"), ("core.urls",)),
    **dict.fromkeys(("json.loads", "json.load"), ("core.plain_json", "core.document")),
    **dict.fromkeys(("tomllib.loads", "tomllib.load"), ("core.document",)),
    "json.decode": (
        *("cache.results", "cache.unpacked", "index.cache", "ops.lock.remembered"),
        *("ops.sync.fetch_wheels", "storage.directory.file_metadata"),
    ),
    "fromisoformat": ("core.wheel_kinds", "core.manifest.constraints", "storage.s3.fast.client"),
    **dict.fromkeys(("strptime", "fromtimestamp"), ("core.urls", "storage.directory.store")),
    **dict.fromkeys(("HeaderParser", "message_from_bytes", "message_from_string"), ()),
    "HTMLParser": ("index.simple_api",),
    **dict.fromkeys(("ElementTree.fromstring", "ElementTree.XML"), ("storage.s3.fast.client",)),
    "isdigit": (),  # true for a superscript two, which int() refuses
}
"""Parsers that raise plain errors for bad text, and the modules that guard them."""

OUTSIDE_WORLD = {
    *("asyncio", "concurrent", "fcntl", "getpass", "glob", "http", "io.open", "locale", "logging"),
    *(
        "multiprocessing",
        "os",
        "platform",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "site",
        "socket",
    ),
    *("ssl", "subprocess", "sysconfig", "tempfile", "threading", "time", "urllib.request", "uuid", "zipfile"),
    *("platformdirs", "urllib3"),
}
TOUCHING = {
    *("cwd", "default_environment", "environ", "exists", "getenv", "home", "is_dir", "is_file", "iterdir"),
    *("mkdir", "now", "open", "read_bytes", "read_text", "sys_tags", "today", "unlink", "utcnow"),
    *("write_bytes", "write_text"),
}
"""Names whose call reads a disk, a clock or the interpreter at hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """One file of the package."""

    name: str
    text: str
    is_package: bool = False

    @property
    def tree(self) -> ast.Module:
        return _parsed(self.text)

    @property
    def part(self) -> str:
        """The word that decides the layer: `storage` for pipper.storage.s3.store, empty for pipper itself."""
        return self.name.partition(".")[2].partition(".")[0]

    @property
    def layer(self) -> int:
        return next((n for n, parts in enumerate(LAYERS) if self.part in parts), -1) if self.part else 0


@functools.cache
def _parsed(text: str) -> ast.Module:
    return ast.parse(text)


@functools.cache
def house() -> dict[str, Module]:
    modules = {}
    for path in sorted((CHECKOUT / "pipper").rglob("*.py")):
        words = list(path.relative_to(CHECKOUT).with_suffix("").parts)
        is_package = words[-1] == "__init__"
        name = ".".join(words[:-1] if is_package else words)
        modules[name] = Module(name=name, text=path.read_text(encoding="utf-8"), is_package=is_package)
    return modules


def imports_of(module: Module) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of everything `module` imports, also inside functions."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(module, node)
            yield from ((node.lineno, f"{base}.{alias.name}") for alias in node.names)


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    words = module.name.split(".")
    words = words[: len(words) - node.level + (1 if module.is_package else 0)]
    return ".".join([*words, *([node.module] if node.module else [])])


def inner_imports(module: Module, modules: Mapping[str, Module]) -> Iterator[tuple[int, Module]]:
    """Line and module of everything that `module` imports from the package itself."""
    for line, name in imports_of(module):
        if name.split(".")[0] != "pipper":
            continue
        known = name
        while known not in modules:
            known = known.rpartition(".")[0]
        if known != module.name:
            yield line, modules[known]


def upward_imports(modules: Mapping[str, Module]) -> list[str]:
    return [
        f"{module.name}:{line} (layer {module.layer}) imports {other.name} (layer {other.layer})"
        for module in modules.values()
        for line, other in inner_imports(module, modules)
        if other.layer > module.layer or (other.layer == module.layer and other.part != module.part)
    ]


def circles(modules: Mapping[str, Module]) -> list[str]:
    """Every module that reaches itself, wherever the imports stand: a lazy one does not break a circle."""
    graph = {
        name: sorted({other.name for _, other in inner_imports(module, modules)})
        for name, module in modules.items()
    }
    found = []
    for start, reached in graph.items():
        waiting, seen = list(reached), set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += graph[name]
        if start in seen:
            found.append(start)
    return found


def strays(modules: Mapping[str, Module]) -> list[str]:
    """Imports of a library outside the part that may know it."""
    return [
        f"{module.name}:{line} imports {name}"
        for module in modules.values()
        for line, name in imports_of(module)
        if (homes := CONFINED.get(name.split(".")[0])) and not module.name.startswith(homes)
    ]


def unguarded(modules: Mapping[str, Module]) -> list[str]:
    """Calls of a parser, with a text, outside the module that turns its errors into typed ones."""
    found = []
    for module in modules.values():
        for node in ast.walk(module.tree):
            if not isinstance(node, ast.Call) or not (node.args or isinstance(node.func, ast.Attribute)):
                continue
            words = ast.unparse(node.func).split(".")
            for name in {words[-1], ".".join(words[-2:])} & PARSERS.keys():
                if module.name.removeprefix("pipper.") not in PARSERS[name] and module.name not in PROGRAMS:
                    found.append(f"{module.name}:{node.lineno} calls {name}")
    return found


def undeclared(modules: Mapping[str, Module], declared: set[str]) -> list[str]:
    """Imports of what is neither the standard library nor a declared dependency."""
    known = sys.stdlib_module_names | declared | {"pipper", "_sha2"}  # which Python has since 3.12
    return [
        f"{module.name}:{line} imports {name}"
        for module in modules.values()
        for line, name in imports_of(module)
        if name.split(".")[0] not in known and line not in _typing_lines(module)
    ]


def _typing_lines(module: Module) -> set[int]:
    """The lines that only a type checker reads: stubs are no dependency."""
    blocks = (node for node in ast.walk(module.tree) if isinstance(node, ast.If))
    typing = (block for block in blocks if ast.unparse(block.test).endswith("TYPE_CHECKING"))
    return {line for block in typing for node in block.body for line in range(node.lineno, _end(node) + 1)}


def _end(node: ast.stmt) -> int:
    return node.end_lineno or node.lineno


def impurities(modules: Mapping[str, Module]) -> list[str]:
    """What in the core touches disk, network, clock, environment or the interpreter at hand."""
    core = [module for module in modules.values() if module.part in PURE]
    found = [
        f"{module.name}:{line} imports {name}"
        for module in core
        for line, name in imports_of(module)
        if {".".join(name.split(".")[:n]) for n in (1, 2)} & OUTSIDE_WORLD
    ]
    calls = (
        (module, node) for module in core for node in ast.walk(module.tree) if isinstance(node, ast.Call)
    )
    return found + [
        f"{module.name}:{node.lineno} calls {name}"
        for module, node in calls
        if (name := _called(node)) in TOUCHING
    ]


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute):
        return node.func.attr
    return node.func.id if isinstance(node.func, ast.Name) else ""


def speakers(modules: Mapping[str, Module]) -> list[str]:
    """What outside the command line prints, logs or writes to a standard stream."""
    found = []
    for module in modules.values():
        if module.part in ("cli", "__main__") or module.name in PROGRAMS:
            continue
        found += [
            f"{module.name}:{line} logs"
            for line, name in imports_of(module)
            if name.split(".")[0] == "logging"
        ]
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and _called(node) in ("print", "input"):
                found.append(f"{module.name}:{node.lineno} calls {_called(node)}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("sys.stdout", "sys.stderr"):
                found.append(f"{module.name}:{node.lineno} uses {ast.unparse(node)}")
    return found


def declared_imports() -> set[str]:
    project = tomllib.loads((CHECKOUT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    # the other extras are for development
    extras = [*project["optional-dependencies"]["sbom"], *project["optional-dependencies"]["fast"]]
    names = [canonicalize_name(Requirement(line).name) for line in (*project["dependencies"], *extras)]
    return {imported for name in names for imported in IMPORTED_AS.get(name, {name.replace("-", "_")})}


def test_no_module_imports_from_a_higher_layer() -> None:
    assert upward_imports(house()) == []


def test_every_part_has_a_layer() -> None:
    placed = {part for layer in LAYERS for part in layer}
    assert {module.part for module in house().values()} - {""} == placed


def test_no_module_imports_itself_by_a_detour() -> None:
    assert circles(house()) == []


def test_each_library_stands_in_its_own_part() -> None:
    assert strays(house()) == []


def test_B01_text_from_outside_is_parsed_by_guarded_modules_alone() -> None:
    assert unguarded(house()) == []


@pytest.mark.parametrize(
    "text",
    [
        "Version(text)",
        "packaging.version.Version(text)",
        "urllib.parse.urljoin(base, text)",
        "json.loads(text)",
        "datetime.datetime.fromisoformat(text)",
        "text.isdigit()",
    ],
)
def test_B01_a_bare_parser_is_found(text: str) -> None:
    assert len(unguarded({"pipper.ops.x": Module(name="pipper.ops.x", text=text)})) == 1


def test_every_library_in_use_is_declared() -> None:
    assert undeclared(house(), declared_imports()) == []


def test_the_core_touches_no_disk_network_clock_or_environment() -> None:
    assert impurities(house()) == []


def test_only_the_command_line_speaks() -> None:
    assert speakers(house()) == []


def test_one_module_makes_the_router_and_the_index_of_every_command() -> None:
    """A second way would ask an index for names that the rules of the first keep private."""
    makers = {
        (_called(node), module.name)
        for module in house().values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and _called(node) in ("SourceRouter", "IndexSource", "open_index")
    }
    assert makers == {
        ("SourceRouter", "pipper.ops.context.open_sources"),
        ("SourceRouter", "pipper.solve.router"),
        ("open_index", "pipper.ops.context.open_sources"),
        ("IndexSource", "pipper.ops.context.open_index"),
    }


def test_a_program_for_another_interpreter_needs_nothing_but_that_interpreter() -> None:
    programs = {name: module for name, module in house().items() if name in PROGRAMS}
    assert programs.keys() == PROGRAMS
    assert undeclared(programs, set()) == []
    assert [other.name for module in programs.values() for _, other in inner_imports(module, house())] == []


def test_every_module_says_what_it_is_and_stays_below_400_lines() -> None:
    silent = [
        module.name
        for module in house().values()
        if module.text.strip() and not ast.get_docstring(module.tree)
    ]
    long = [module.name for module in house().values() if module.text.count("\n") > 400]
    assert (silent, long) == ([], [])


def _fake(**texts: str) -> dict[str, Module]:
    names = {key: "pipper" if key == "pipper" else "pipper." + key.replace("__", ".") for key in texts}
    parents = {name.rpartition(".")[0] for name in names.values()}
    modules = {
        name: Module(name=name, text=texts[key], is_package=name in parents) for key, name in names.items()
    }
    empty = {
        name: Module(name=name, text="", is_package=True) for name in parents - {""} if name not in modules
    }
    return {**empty, **modules}


@pytest.mark.parametrize(
    "text",
    [
        "from pipper.ops.sync import sync",
        "import pipper.ops.sync",
        "from pipper.ops import sync",
        "from ..ops import sync",
        "from ..ops.sync import run",
        "def f():\n    from pipper import ops",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pipper.ops",
    ],
)
def test_an_upward_import_is_found_in_any_spelling(text: str) -> None:
    assert len(upward_imports(_fake(storage__s3=text, ops__sync=""))) == 1


def test_an_import_from_a_lower_layer_or_the_own_part_is_allowed() -> None:
    modules = _fake(
        cache__download="from pipper.cache.files import put\nfrom pipper.core.plan import Plan",
        cache__files="",
        core__plan="",
    )
    assert upward_imports(modules) == []


@pytest.mark.parametrize(
    ("part", "neighbour"), [("repository", "index"), ("storage", "cache"), ("http", "wheels")]
)
def test_parts_of_one_layer_do_not_know_each_other(part: str, neighbour: str) -> None:
    modules = _fake(**{f"{part}__x": f"from pipper.{neighbour}.y import z", f"{neighbour}__y": ""})
    assert len(upward_imports(modules)) == 1


def test_a_circle_is_found_even_through_a_lazy_import() -> None:
    modules = _fake(
        cache="from pipper import config",
        config="def f():\n    from pipper.cache import put",
        transfer="import pipper.cache",
    )
    assert circles(modules) == ["pipper.cache", "pipper.config"]


def test_a_library_in_the_wrong_part_is_found() -> None:
    assert strays(_fake(ops__sync="def f():\n    import boto3.session")) == [
        "pipper.ops.sync:2 imports boto3.session"
    ]
    assert strays(_fake(core__plan="from rich import print")) == ["pipper.core.plan:1 imports rich.print"]


def test_an_undeclared_library_is_found() -> None:
    assert undeclared(_fake(cache="import requests, json"), {"boto3"}) == ["pipper.cache:1 imports requests"]
    stub = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import requests"
    assert undeclared(_fake(cache=stub), {"boto3"}) == []


@pytest.mark.parametrize(
    "text",
    [
        "import os",
        "from os.path import join",
        "from urllib import request",
        "import urllib.request",
        "def f(path):\n    return path.read_text()",
        "import datetime\nx = datetime.datetime.now(datetime.UTC)",
        "open('x')",
        "from packaging.tags import sys_tags\nx = list(sys_tags())",
    ],
)
def test_an_impure_core_is_found(text: str) -> None:
    assert impurities(_fake(core__plan=text)) != []


def test_a_pure_core_may_name_paths_and_dates() -> None:
    assert impurities(_fake(core__plan="from pathlib import PurePath\nfrom urllib.parse import quote")) == []


@pytest.mark.parametrize("text", ["print(1)", "import logging", "import sys\nsys.stderr.write('x')"])
def test_a_speaking_library_module_is_found(text: str) -> None:
    assert len(speakers(_fake(ops__sync=text))) == 1
    assert speakers(_fake(cli__main=text)) == []


def test_relative_imports_are_read_as_python_reads_them() -> None:
    module = Module(name="pipper.core", text="from . import plan", is_package=True)
    assert [name for _, name in imports_of(module)] == ["pipper.core.plan"]
    assert re.match(
        r"pipper\.core\.", next(iter(imports_of(Module(name="pipper.core.x", text="from . import y"))))[1]
    )
