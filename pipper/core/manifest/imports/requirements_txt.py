"""Converting `requirements.txt`, as pip reads it, to standard requirements."""

import posixpath
import re
from collections.abc import Callable, Iterator

from msgspec import Struct
from msgspec.structs import replace
from packaging.requirements import InvalidRequirement
from packaging.utils import NormalizedName

from pipper.core.manifest.imports.imported import ImportedManifest, joined_all
from pipper.core.manifest.imports.origins import FILES, account_notes, bare_index, folder_source
from pipper.core.redaction import shown
from pipper.core.standards import read_requirement
from pipper.errors import PipperError, UsageError

_MOST_FILES = 200
_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z-]*)(?:[\s=]+|(?<=^-\w)(?=\S)|$)(?P<value>.*)")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[/\\]")
_HASHES = re.compile(r"\s--hash[=\s]\S+")
_WORD = r"[^\s:;@#\[\]\"']"
_FOLDER = re.compile(
    r"(?P<option>(?:-e\s*|--editable[\s=]+))?[\"']?(?:file:(?!//))?"
    rf"(?P<path>\.{{1,2}}|[^\s:;@#\[\]\"'/\\]*[/\\]{_WORD}*|(?(option){_WORD}+|(?!))|(?<=[\"'])[^:;@#\[\]\"']+)"
    r"(?P<extras>\[[\w\s.,-]*\])?(?:#egg=[\w.-]+)?[\"']?(?:\s*;\s*(?P<marker>.+))?"
)
"""A path that is not a URL. A plain word is one after `-e` alone."""

_SHORT = {"r": "requirement", "c": "constraint", "e": "editable", "i": "index-url", "f": "find-links"}


class ProjectFolder(Struct, frozen=True, kw_only=True):
    """A folder that a line names, and the project in it."""

    name: NormalizedName
    path: str
    """Relative to the folder of the first file."""


def from_requirements(
    path: str, read: Callable[[str], str], find: Callable[[str], ProjectFolder | None] = lambda _: None
) -> ImportedManifest:
    """Return the requirements of a requirements file (pip's format) and of the files that it includes, each once.

    `read` returns the text of a file; a relative path is relative to the folder of the first one. `find` returns
    the project in a folder as a line names it, None without one. Hashes are ignored: a lock has its own. What cannot
    be read gets a note, also a file that it includes. Raises what `read` raises for the first file.
    """
    return _Reader(read, find).file(path)


class _Reader:
    def __init__(self, read: Callable[[str], str], find: Callable[[str], ProjectFolder | None]) -> None:
        self._text_of = read
        self._find = find
        self._begun: set[str] = set()
        """Files as requirements, and as constraints."""

    def file(self, path: str, *, constraint: bool = False) -> ImportedManifest:
        """Return what a file asks for; nothing if it was begun before, so files may include each other."""
        mark = f"{'c' if constraint else 'r'} {posixpath.normpath(path)}"
        if mark in self._begun:
            return ImportedManifest()
        if len(self._begun) == _MOST_FILES:
            raise UsageError(f"{path}: {_MOST_FILES} files were read before it", hint="include fewer files")
        self._begun.add(mark)
        lines = _lines(self._text_of(path))
        return joined_all(
            [self._line(line, f"{path}: line {number}", path, constraint) for number, line in lines]
        )

    def _line(self, line: str, place: str, path: str, constraint: bool) -> ImportedManifest:
        folder = None if constraint else _FOLDER.fullmatch(_HASHES.sub("", line).strip())
        if folder is not None and not folder["path"].endswith(FILES):
            return self._folder(folder, place)
        option = _OPTION.fullmatch(line) if line.startswith("-") else None
        if option is None:
            found = _requirement(line, place)
            return (
                ImportedManifest(constraints=found.dependencies, notes=found.notes) if constraint else found
            )
        name, value = _SHORT.get(option["name"], option["name"]), option["value"].strip()
        if name in ("requirement", "constraint"):
            return self._included(path, value, place, constraint or name == "constraint")
        if name == "index-url":
            return ImportedManifest(index_url=bare_index(value), notes=account_notes([("", value)]))
        if name == "pre":
            return ImportedManifest(prereleases=True)
        if name == "editable":
            return _left_out(f"{place}: a directory or URL; publish it to a repository")
        return _left_out(f"{place}: the option --{name}")

    def _folder(self, line: re.Match[str], place: str) -> ImportedManifest:
        path = line["path"]
        told = shown(path)  # what seems to be a path may be a URL without its host
        source = folder_source(path, editable=line["option"] is not None)
        if source is None:
            return _left_out(f"{place}: `{told}` is not a relative path: run `pipper add --editable {told}`")
        project = self._find(source.path)
        if posixpath.normpath(project.path if project else path) == ".":
            hint = "`pipper init --from FILE` converts its pyproject.toml or setup.cfg"
            return _left_out(f"{place}: the project of this directory: {hint}")
        if project is None:
            hint = f"when it has one, run `pipper add --editable {told}`"
            return _left_out(f"{place}: the directory `{told}` has no project with a name: {hint}")
        marker = f" ; {line['marker']}" if line["marker"] else ""
        return ImportedManifest(
            dependencies=(f"{project.name}{line['extras'] or ''}{marker}",),
            paths={project.name: replace(source, path=project.path)},
        )

    def _included(self, path: str, value: str, place: str, constraint: bool) -> ImportedManifest:
        folder, value = path.rpartition("/")[0], value.strip("\"'")
        if _URL.match(value):
            option = "constraint" if constraint else "requirement"
            return _left_out(f"{place}: the option --{option}: a URL; save that file, and name it here")
        try:
            return self.file(f"{folder}/{value}" if folder else value, constraint=constraint)
        except PipperError as error:
            return _left_out(f"{place}: {error.message}")


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Yield lines with their numbers, continued lines joined, without comments."""
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


def _requirement(line: str, place: str) -> ImportedManifest:
    text = _HASHES.sub("", line).strip()
    try:
        requirement = read_requirement(text)
    except InvalidRequirement:
        requirement = None
    if "://" in text or text.endswith(FILES) or (requirement is not None and requirement.url):
        return _left_out(f"{place}: a file or URL; publish it to a repository")
    if requirement is None:
        return _left_out(f"{place}: `{shown(text)[:120]}` is not a requirement")
    return ImportedManifest(dependencies=(str(requirement),))


def _left_out(note: str) -> ImportedManifest:
    return ImportedManifest(notes=(note,))
