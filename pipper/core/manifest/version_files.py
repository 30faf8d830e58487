"""The files that a build backend computes the version of a project from, where its configuration names them."""

import ast
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath, PureWindowsPath

from msgspec import Struct

from pipper.core.document import Node
from pipper.core.manifest.stated_name import SETUP_CFG_LIMIT

VERSION_FILE_LIMIT = 100_000
"""Bytes of a module whose assignments are read: its tree takes 500 times as much memory."""
_MOST = 20
_OF_SETUP_CFG = re.compile(
    rb"^version[ \t]{0,20}=[ \t]{0,20}(attr|file):[ \t]{0,20}([\w./, -]{1,500})", re.MULTILINE
)
_PACKAGE_DIR = re.compile(rb"^package[_-]dir[ \t]{0,20}[=:]((?:.*\n?)(?:[ \t]+.*\n?){0,100})", re.MULTILINE)
"""The value has a line for each package, further ones indented, or commas."""
_OF_BACKENDS = {"maturin": "Cargo.toml", "mesonpy": "meson.build"}
_USUAL = frozenset({"__version__", "VERSION"})
"""What Hatch and Flit look for in a module."""


class VersionFile(Struct, frozen=True, kw_only=True):
    """A file that a version is computed from."""

    path: str
    """Below the folder of the project, separated by `/`. It may not exist."""
    names: frozenset[str] = frozenset()
    """The variables of a module that the version is in; empty if all of the file may count."""

    def part(self, data: bytes) -> bytes:
        """Return what of the file counts: if it assigns plain values to `names`, only that, else all of it."""
        if not self.names or not self.path.endswith(".py") or len(data) > VERSION_FILE_LIMIT:
            return data
        try:
            with warnings.catch_warnings(action="ignore"):  # they are for the author of the file
                tree = ast.parse(data)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return data
        found = [node for node in tree.body if _assigned(node) & self.names]
        plain = all(isinstance(getattr(node, "value", None), ast.Constant) for node in found)
        return "\n".join(map(ast.unparse, found)).encode() if found and plain else data


def version_files(pyproject: Node, setup_cfg: bytes) -> tuple[VersionFile, ...]:
    """Return the files that setuptools, Hatch, Flit, PDM, maturin or meson-python take the version from.

    A version from git or from a plug-in names none. Raises UsageError if a key has the wrong type.
    """
    project, tool = pyproject.at("project", {}), pyproject.at("tool", {})
    setuptools = tool.at("setuptools", {})
    folders = _package_folders(setup_cfg)
    folders |= setuptools.at("package-dir", {}).mapping(Node.text)
    found = list(_of_setup_cfg(setup_cfg, folders))
    if "version" in project.at("dynamic", []).texts():
        backend = pyproject.at("build-system", {}).text_at("build-backend", "")
        if backend in _OF_BACKENDS:
            found.append(VersionFile(path=_OF_BACKENDS[backend]))
        if backend.startswith("flit_core"):
            name = tool.at("flit", {}).at("module", {}).text_at("name", project.text_at("name", ""))
            found += _modules(name.replace("-", "_"), ["", "src"], _USUAL)
        found += _of_hatch(tool.at("hatch", {}).at("version", {}))
        found.append(VersionFile(path=tool.at("pdm", {}).at("version", {}).text_at("path", "")))
        found += _of_setuptools(setuptools, folders)
    inside = {each.path: each for each in found if _is_inside(each.path)}
    return tuple(inside.values())[:_MOST]


def _of_hatch(node: Node) -> Iterator[VersionFile]:
    is_usual = not {"pattern", "expression", "source"} & node.entries().keys()
    yield VersionFile(path=node.text_at("path", ""), names=_USUAL if is_usual else frozenset())


def _of_setuptools(node: Node, folders: Mapping[str, str]) -> Iterator[VersionFile]:
    version = node.at("dynamic", {}).at("version", {})
    if "attr" in version:
        where: tuple[str, ...] = ()
        if isinstance(node.at("packages", {}).value, dict):
            where = node.at("packages", {}).at("find", {}).at("where", []).texts()
        yield from _of_attribute(version.text_at("attr"), folders, where)
    if "file" in version:
        named = version.at("file")
        for path in named.texts() if isinstance(named.value, list) else [named.text()]:
            yield VersionFile(path=path)


def _package_folders(setup_cfg: bytes) -> dict[str, str]:
    """Return the `package_dir` of a setup.cfg: folders by the names of packages, that of all others by no name."""
    found = _PACKAGE_DIR.search(setup_cfg[:SETUP_CFG_LIMIT])
    lines = found[1].decode("utf-8", "replace").replace(",", "\n").splitlines() if found else ()
    pairs = (line.partition("=") for line in lines if "=" in line)
    return {name.strip(): folder.strip() for name, _, folder in pairs}


def _of_setup_cfg(data: bytes, folders: Mapping[str, str]) -> Iterator[VersionFile]:
    found = _OF_SETUP_CFG.search(data[:SETUP_CFG_LIMIT])
    if found is None:
        return
    text = found[2].decode("ascii", "replace").strip()
    if found[1] == b"attr":
        yield from _of_attribute(text, folders)
    else:
        yield from (VersionFile(path=each.strip()) for each in text.split(","))


def _of_attribute(text: str, folders: Mapping[str, str], where: Iterable[str] = ()) -> Iterator[VersionFile]:
    """Yield the places of the module of an attribute; `folders` are those of packages by their names."""
    module, _, attribute = text.rpartition(".")
    names = frozenset({attribute})
    for package, folder in folders.items():
        if package and f"{module}.".startswith(f"{package}."):
            inner = module[len(package) + 1 :].replace(".", "/")
            yield from _at(str(PurePosixPath(folder, inner)), names)
    yield from _modules(module, ["", folders.get("", "src"), *where], names)


def _modules(name: str, roots: Iterable[str], names: frozenset[str]) -> Iterator[VersionFile]:
    """Yield the places where a module may be."""
    path = name.replace(".", "/")
    for root in dict.fromkeys(roots) if path else ():
        yield from _at(str(PurePosixPath(root, path)), names)


def _at(path: str, names: frozenset[str]) -> Iterator[VersionFile]:
    for place in (f"{path}.py", f"{path}/__init__.py"):
        yield VersionFile(path=place, names=names)


def _is_inside(path: str) -> bool:
    parts = PurePosixPath(path).parts
    rooted = PureWindowsPath(path).anchor or PurePosixPath(path).is_absolute()
    return bool(parts) and ".." not in parts and not rooted and path.isprintable()


def _assigned(node: ast.stmt) -> set[str]:
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = node.targets
    elif isinstance(node, ast.AnnAssign):
        targets = [node.target]
    return {each.id for each in targets if isinstance(each, ast.Name)}
