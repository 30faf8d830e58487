"""Manifests in all dialects: pipper's, the standard's, those of other tools and of 0.x."""

import contextlib
import json
from collections.abc import Callable

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from pipper.core.manifest.edit import add_requirements, drop_sources, remove_requirements
from pipper.core.manifest.imports.imported import ImportedManifest, manifest_text
from pipper.core.manifest.imports.projects import from_pyproject
from pipper.core.manifest.imports.requirements_txt import from_requirements
from pipper.core.manifest.model import Manifest
from pipper.core.manifest.reader import parse_manifest
from pipper.core.manifest.requirement import parse_requirement
from pipper.errors import UsageError
from pipper.ops.context.input_kind import input_kind
from pipper.system.regular_file import LARGEST
from pipper.wheels.old_manifest import OldManifest, read_pipper_manifest
from tests.fuzz.grammars.base import Grammar, Shape
from tests.fuzz.grammars.places import scratch
from tests.fuzz.grammars.using import use_requirement, use_specifiers
from tests.fuzz.texts import DIGITS

_PIPPER = """requires-python = ">=3.11"
dependencies = ["acme-models>=1.4", "pandas~=2.2 ; os_name == 'posix'"]
index = { url = "https://index.example.com/simple" }
prereleases = ["acme-lab"]
constraints = ["numpy<3"]
overrides = { idna = "3.7" }
as-of = 2026-11-01
cool-down = "7 days"
environments = [{ python = "3.11", platform = "linux-x86_64" }, { python = "3.12.1", platform = "win_amd64" }]
[optional-dependencies]
x = ["rich"]
[dependency-groups]
dev = ["pytest>=8", { include-group = "test" }]
test = ["tox"]
[repositories]
acme = "s3://acme-packages/pipper"
drop = { url = "file:///srv/packages", region = "eu-west-1", profile = "p", endpoint-url = "https://s3.example.com" }
[sources]
acme-models = "acme"
"acme-*" = "acme"
"""
_STANDARD = """[project]
name = "own"
requires-python = ">=3.11"
dependencies = ["own[x]", "attrs>=23,<25"]
dynamic = ["version"]
[project.optional-dependencies]
x = ["rich ; python_version < '4'"]
all = ["own[x]"]
[dependency-groups]
dev = ["pytest>=8", { include-group = "test" }]
test = ["tox"]
[tool.pipper]
index = false
[tool.pipper.repositories]
acme = "s3://acme-packages"
[tool.uv.sources]
lab = { path = "../lab" }
"""
_POETRY = """[tool.poetry]
name = "own"
[[tool.poetry.source]]
name = "main"
url = "https://u:p@index.example.com/simple"
priority = "primary"
[tool.poetry.dependencies]
python = "^3.11"
a = "^1.2.3"
b = "~2.0 || ^3"
c = { version = ">=2.20 <3", extras = ["x", "y"], optional = true, python = "^3.8", markers = "os_name == 'nt'" }
d = [{ version = "1.*", platform = "linux" }, { git = "https://git.example.com/d.git" }]
e = { path = "../e" }
[tool.poetry.extras]
more = ["c"]
[tool.poetry.dev-dependencies]
pytest = "*"
[tool.poetry.group.docs]
include-groups = ["dev"]
[tool.poetry.group.docs.dependencies]
sphinx = ">=1,<2"
"""
_UV = """[project]
name = "own"
dependencies = ["a>=1", "lab"]
[tool.uv]
dev-dependencies = ["pytest"]
constraint-dependencies = ["a<3"]
override-dependencies = ["b==1"]
prerelease = "allow"
exclude-newer = "2026-11-01T00:00:00Z"
extra-index-url = ["https://more.example.com/simple"]
[[tool.uv.index]]
name = "main"
url = "https://index.example.com/simple"
default = true
[tool.uv.sources]
lab = { workspace = true }
t = [{ index = "other", marker = "os_name == 'nt'" }]
"""
_PDM = """[project]
name = "own"
dependencies = ["a>=1"]
[tool.pdm.dev-dependencies]
test = ["pytest", "-e file:///${PROJECT_ROOT}/sub#egg=sub"]
[tool.pdm.resolution]
allow-prereleases = true
[tool.pdm.resolution.overrides]
b = "1.2"
c = ">=1"
[[tool.pdm.source]]
name = "pypi"
url = "https://index.example.com/simple"
include_packages = ["a"]
"""
_REQUIREMENTS = """# requirements
-i https://u:p@index.example.com/simple
--extra-index-url=https://more.example.com/simple
--pre
-r other.txt
-c other.txt
-e ./sub
a==1.0 \\
    --hash=sha256:0123456789abcdef
b[x]>=2 ; python_version < "4"  # why
https://files.example.com/c-1-py3-none-any.whl
"""
_OTHER = "d>=1\ne\n"
_OLD = {
    "name": "foo",
    "version": "1.2.3",
    "dependencies": ["bar", "baz:>=2.0.0", "qux:1.2.*"],
    "dev_dependencies": ["tool:==1"],
    "pypi": ["requests>=2"],
    "conda": ["numpy", {"name": "scipy", "channel": "forge"}],
}
_URLS = {
    "dependencies": [
        "https://b.s3.example.com/pipper/Foo/v1-2-3.pipper?AWSAccessKeyId=A&Signature=S&Expires=1700000000",
        "https://b.s3.example.com/x-1-py3-none-any.whl?X-Amz-Date=20261101T000000Z&X-Amz-Expires=9&X-Amz-Signature=s",
    ]
}
_YAML = """name: foo
version: "1.2.3"
dependencies:
  - bar
  - baz:>=2.0.0
dev_dependencies: [tool]
conda:
  - {name: scipy, channel: forge}
# a comment
"""
_WORDS = (
    f"a>={DIGITS}",
    f"a=={DIGITS}.*",
    f"a:{DIGITS}",
    "a:1.*,<2",
    "a:",
    "a @ https://[x/",
    "a @ https://u:p@h/a.whl",
    "a ; python_version < '3'",
    "a ; " + "(" * 300 + "os_name == 'a'" + ")" * 300,
    "a ; " + "os_name == 'a' or " * 200 + "os_name == 'b'",
    "own[all]",
    "own",
    f"^{DIGITS}",
    "^1.2",
    "~0",
    "^0.0.0",
    "~=1",
    "||",
    "3.11",
    f"3.{DIGITS}",
    f"manylinux_2_{DIGITS}_x86_64",
    "s3://[x/",
    "s3://b/../c",
    "file://host/x",
    "7 days",
    "999999999 weeks",
    "0001-01-01",
    "9999-12-31",
    "-r requirements.txt",
    "-r",
    "-r ../../../../etc/passwd",
    "-c other.txt",
    "--",
    "---",
    "\\",
    "- &a [*a]",
    "*a",
    "&a",
    "!!python/object:os.system x",
    "<<: x",
    "? x",
    "--- |",
    "%YAML 9.9",
    "- - - -",
)
_REQUIREMENT = Requirement("zzz>=1")
_EDITS = 10
"""How often the three edits of a manifest read it, about."""


def _manifest(label: str) -> Callable[[bytes], Manifest]:
    def read(data: bytes) -> Manifest:
        found = parse_manifest(data, label=label)
        found.inputs()
        for declared in found.environments:
            declared.target  # noqa: B018 - it is made when it is asked for
        for requirements in found.roots.values():
            for requirement in requirements:
                use_requirement(requirement)
        use_specifiers(found.requires_python)
        added = _edited(lambda: add_requirements(data, [_REQUIREMENT], label=label))
        if added is not None:
            assert _REQUIREMENT in parse_manifest(added, label=label).dependencies
            names = [canonicalize_name("zzz")]
            _edited(lambda: remove_requirements(added, names, label=label))
            _edited(lambda: drop_sources(added, names, "acme", label=label))
        return found

    return read


def _edited(work: Callable[[], bytes]) -> bytes | None:
    try:
        return work()
    except UsageError:
        return None


def _imported(read: Callable[[bytes], ImportedManifest]) -> Callable[[bytes], object]:
    """Read as `init --from` does: what it writes must be a manifest, or it is told what is wrong."""

    def through(data: bytes) -> object:
        found = read(data)
        text = manifest_text(found, source="x", python="3.11", repositories={"acme": "s3://b/pipper"})
        parse_manifest(text.encode(), label="x as pipper.toml")
        return found

    return through


def _requirements(data: bytes) -> ImportedManifest:
    def read(name: str) -> str:
        if name == "requirements.txt":
            return data.decode("utf-8-sig", "replace")
        if name == "other.txt":
            return _OTHER
        raise UsageError(f"{name} does not exist")

    return from_requirements("requirements.txt", read)


def _old(name: str) -> Callable[[bytes], OldManifest | None]:
    def read(data: bytes) -> OldManifest | None:
        if len(data) > LARGEST:
            return None  # no file so large is read, whatever it is: exit code 8
        path = scratch(name, data)
        input_kind(data, name)
        found = read_pipper_manifest(path)
        for text in (*found.dependencies, *found.dev_dependencies, *found.pypi):
            _take(text)
        return found

    return read


def _take(text: str) -> None:
    """Take an entry as `install -i` does."""
    from tests.fuzz.grammars.words import read_url

    if text.startswith(("https://", "http://")):
        read_url(text.encode("utf-8", "surrogatepass"))
        return
    with contextlib.suppress(UsageError):
        parse_requirement(text, where="pipper.json")


def _pyproject(data: bytes) -> ImportedManifest:
    return from_pyproject(data, label="pyproject.toml")


def _toml(name: str, text: str, read: Callable[[bytes], object], *, passes: int = 1) -> tuple[Grammar, ...]:
    """Return a grammar bent as a tree, and one bent line by line."""
    shapes: tuple[tuple[str, Shape], ...] = ((name, "toml"), (f"{name}-text", "lines"))
    return tuple(
        Grammar(
            name=title,
            shape=shape,
            examples=lambda: (text,),
            read=read,
            passes=passes,
            codes=frozenset({2}),
            words=_WORDS,
        )
        for title, shape in shapes
    )


GRAMMARS = (
    *_toml("manifest", _PIPPER, _manifest("pipper.toml"), passes=_EDITS),
    *_toml("pyproject", _STANDARD, _manifest("pyproject.toml"), passes=_EDITS),
    *_toml("poetry", _POETRY, _imported(_pyproject)),
    *_toml("uv", _UV, _imported(_pyproject)),
    *_toml("pdm", _PDM, _imported(_pyproject)),
    Grammar(
        name="requirements",
        shape="lines",
        examples=lambda: (_REQUIREMENTS,),
        read=_imported(_requirements),
        passes=4,  # each line is a parse of its own, and what comes of all is written and read
        codes=frozenset({2}),
        words=_WORDS,
    ),
    Grammar(
        name="old-json",
        shape="json",
        examples=lambda: (json.dumps(_OLD), json.dumps(_URLS)),
        read=_old("pipper.json"),
        codes=frozenset({2}),
        words=(*_WORDS, "https://[x/a.pipper", "https://h/a.pipper?Signature=x&Expires=" + DIGITS),
    ),
    Grammar(
        name="old-yaml",
        shape="lines",
        examples=lambda: (_YAML, json.dumps(_OLD, indent=1)),
        read=_old("pipper.yaml"),
        codes=frozenset({2}),
        words=_WORDS,
    ),
)
