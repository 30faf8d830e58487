"""Projects of other tools, text -> what they ask for: pyproject.toml of any tool, requirements.txt."""

import re
from collections.abc import Callable, Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement

from pipper.core.manifest.imports.imported import Adopted, Group
from pipper.core.manifest.imports.poetry import from_poetry
from pipper.core.toml import MANIFEST_LIMIT, Node, parse_toml
from pipper.core.urls import without_account
from pipper.errors import UsageError

_DEEPEST = 10
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z-]*)(?:[\s=]+|(?<=^-\w)(?=\S)|$)(?P<value>.*)")
_HASHES = re.compile(r"\s--hash[=\s]\S+")
_SHORT = {"r": "requirement", "c": "constraint", "e": "editable", "i": "index-url", "f": "find-links"}


def from_pyproject(data: bytes, *, label: str) -> Adopted:
    """Return what a `pyproject.toml` asks for: `[project]`, `[dependency-groups]`, and tables of Poetry, uv, PDM.

    Raises UsageError with the place of what cannot be read.
    """
    top = Node(parse_toml(data, label=label, limit=MANIFEST_LIMIT), f"{label}: ").table()
    tool = top["tool"].table() if "tool" in top else {}
    found = _standard(top)
    for name, read in (("poetry", from_poetry), ("uv", _from_uv), ("pdm", _from_pdm)):
        if name in tool:
            found = found.joined(read(tool[name]))
    if found == Adopted():
        raise UsageError(
            f"{label} asks for nothing", cause="neither [project] nor [tool.poetry], uv or pdm is there"
        )
    return found


def _standard(top: Mapping[str, Node]) -> Adopted:
    project = top["project"].table() if "project" in top else {}
    optional = project["optional-dependencies"].table() if "optional-dependencies" in project else {}
    groups = top["dependency-groups"].table() if "dependency-groups" in top else {}
    dynamic = project["dynamic"].texts() if "dynamic" in project else ()
    own = project["name"].text() if "name" in project else ""
    kept, notes = _without_urls(project["dependencies"].texts() if "dependencies" in project else ())
    return Adopted(
        requires_python=project["requires-python"].text() if "requires-python" in project else "",
        dependencies=kept,
        extras={name: _without_urls(each.texts())[0] for name, each in optional.items()},
        groups={name: tuple(_entries(group)) for name, group in groups.items()},
        notes=(
            *notes,
            *(f"dynamic `{key}`: a build makes it up" for key in dynamic if key.endswith("dependencies")),
            *((f"`{own}` itself: pipper installs what it needs, not the project",) if own else ()),
        ),
    )


def _entries(group: Node) -> Iterator[str | Mapping[str, str]]:
    for each in group.items():
        if isinstance(each.value, Mapping):
            yield {"include-group": each.table(("include-group",))["include-group"].text()}
        else:
            yield each.text()


def _from_uv(node: Node) -> Adopted:
    table = node.table()
    groups: dict[str, Group] = (
        {"dev": table["dev-dependencies"].texts()} if "dev-dependencies" in table else {}
    )
    notes = []
    if "sources" in table:
        notes += [f"[tool.uv.sources] of `{name}`: see [sources]" for name in table["sources"].table()]
    index = _uv_index(table)
    return Adopted(
        groups=groups,
        constraints=_texts(table, "constraint-dependencies"),
        overrides=_texts(table, "override-dependencies"),
        prereleases="prerelease" in table and table["prerelease"].value == "allow",
        as_of=_moment(table["exclude-newer"]) if "exclude-newer" in table else "",
        index_url=without_account(index),
        notes=tuple(notes),
    )


def _uv_index(table: Mapping[str, Node]) -> str:
    """The default index: the one marked so, or the old key."""
    for each in table["index"].items() if "index" in table else ():
        entry = each.table()
        if "default" in entry and entry["default"].value is True and "url" in entry:
            return entry["url"].text()
    return table["index-url"].text() if "index-url" in table else ""


def _moment(node: Node) -> str:
    return node.value if isinstance(node.value, str) else str(node.value).replace(" ", "T")


def _from_pdm(node: Node) -> Adopted:
    table = node.table()
    dev = table["dev-dependencies"].table() if "dev-dependencies" in table else {}
    resolution = table["resolution"].table() if "resolution" in table else {}
    overrides = resolution["overrides"].table() if "overrides" in resolution else {}
    sources = list(table["source"].items()) if "source" in table else []
    urls = [entry["url"].text() for entry in (each.table() for each in sources) if "url" in entry]
    return Adopted(
        groups={name: _without_urls(each.texts())[0] for name, each in dev.items()},
        overrides=tuple(_override(name, each.text()) for name, each in overrides.items()),
        prereleases="allow-prereleases" in resolution and resolution["allow-prereleases"].value is True,
        index_url=without_account(urls[0]) if urls else "",
        notes=tuple("a further [[tool.pdm.source]]: pipper uses one index" for _ in urls[1:]),
    )


def _override(name: str, versions: str) -> str:
    return f"{name}=={versions}" if versions[:1].isdigit() else f"{name}{versions}"


def _texts(table: Mapping[str, Node], key: str) -> tuple[str, ...]:
    return table[key].texts() if key in table else ()


def from_requirements(path: str, read: Callable[[str], str], *, depth: int = 0) -> Adopted:
    """Return what a requirements file asks for (pip's format), with the files it includes.

    `read` gives the text of a file by its path, relative ones as seen from the first. Hashes are left out: a
    lock has its own. Raises UsageError with the line of what cannot be read.
    """
    if depth > _DEEPEST:
        raise UsageError(f"{path}: requirements files include each other too deeply")
    found = Adopted()
    for number, line in _lines(read(path)):
        place = f"{path}: line {number}"
        option = _OPTION.fullmatch(line) if line.startswith("-") else None
        if option is None:
            found = found.joined(_requirement(line, place))
            continue
        name, value = _SHORT.get(option["name"], option["name"]), option["value"].strip()
        if name in ("requirement", "constraint"):
            folder = path.rpartition("/")[0]
            inner = from_requirements(f"{folder}/{value}" if folder else value, read, depth=depth + 1)
            if name == "constraint":
                inner = Adopted(constraints=inner.dependencies, notes=inner.notes)
            found = found.joined(inner)
        elif name == "index-url":
            found = found.joined(Adopted(index_url=without_account(value)))
        elif name == "pre":
            found = found.joined(Adopted(prereleases=True))
        else:
            found = found.joined(Adopted(notes=(f"{place}: the option --{name}",)))
    return found


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, continued ones as one, comments cut off."""
    number, whole = 0, ""
    for at, line in enumerate(text.splitlines(), 1):
        number = number if whole else at
        bare = _COMMENT.sub("", line).strip()
        if bare.endswith("\\"):
            whole += bare[:-1] + " "
            continue
        whole = (whole + bare).strip()
        if whole:
            yield number, whole
        whole = ""
    if whole.strip():
        yield number, whole.strip()


def _requirement(line: str, place: str) -> Adopted:
    text = _HASHES.sub("", line).strip()
    if "://" in text or text.startswith((".", "/")) or text.endswith((".whl", ".tar.gz", ".zip")):
        return Adopted(notes=(f"{place}: a file or URL; publish it to a repository",))
    try:
        return Adopted(dependencies=(str(Requirement(text)),))
    except InvalidRequirement as error:
        raise UsageError(f"{place}: not a requirement", cause=str(error)) from error


def _without_urls(texts: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    kept = tuple(text for text in texts if " @ " not in text)
    left = (text.partition(" @ ")[0].strip() for text in texts if " @ " in text)
    return kept, tuple(f"`{name}` from a URL: publish it to a repository" for name in left)
