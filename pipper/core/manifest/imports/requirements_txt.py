"""Converting `requirements.txt`, as pip reads it, to standard requirements."""

import posixpath
import re
from collections.abc import Callable, Iterator

from packaging.requirements import InvalidRequirement

from pipper.core.manifest.imports.elsewhere import account_notes
from pipper.core.manifest.imports.imported import ImportedManifest
from pipper.core.redaction import shown, without_account
from pipper.core.standards import read_requirement
from pipper.errors import UsageError

_COMMENT = re.compile(r"(^|\s)#.*$")
_OPTION = re.compile(r"--?(?P<name>[A-Za-z][A-Za-z-]*)(?:[\s=]+|(?<=^-\w)(?=\S)|$)(?P<value>.*)")
_HASHES = re.compile(r"\s--hash[=\s]\S+")
_SHORT = {"r": "requirement", "c": "constraint", "e": "editable", "i": "index-url", "f": "find-links"}


def from_requirements(path: str, read: Callable[[str], str]) -> ImportedManifest:
    """Return the requirements of a requirements file (pip's format) and of the files that it includes, each once.

    `read` returns the text of a file; a relative path is relative to the folder of the first one. Hashes are
    ignored: a lock has its own. What cannot be read gets a note, also a file that it includes. Raises what `read`
    raises for the first file.
    """
    return _Reader(read).file(path)


class _Reader:
    def __init__(self, read: Callable[[str], str]) -> None:
        self._text_of = read
        self._begun: set[str] = set()
        """Files as requirements, and as constraints."""

    def file(self, path: str, *, constraint: bool = False) -> ImportedManifest:
        """Return what a file asks for; nothing if it was begun before, so files may include each other."""
        mark = f"{'c' if constraint else 'r'} {posixpath.normpath(path)}"
        if mark in self._begun:
            return ImportedManifest()
        found = ImportedManifest()
        self._begun.add(mark)
        for number, line in _lines(self._text_of(path)):
            found = found.joined(self._line(line, f"{path}: line {number}", path, constraint))
        return found

    def _line(self, line: str, place: str, path: str, constraint: bool) -> ImportedManifest:
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
            return ImportedManifest(index_url=without_account(value), notes=account_notes([("", value)]))
        if name == "pre":
            return ImportedManifest(prereleases=True)
        return ImportedManifest(notes=(f"{place}: the option --{name}",))

    def _included(self, path: str, value: str, place: str, constraint: bool) -> ImportedManifest:
        folder, value = path.rpartition("/")[0], value.strip("\"'")
        try:
            return self.file(f"{folder}/{value}" if folder else value, constraint=constraint)
        except UsageError as error:
            return ImportedManifest(notes=(f"{place}: {error.message}",))


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
    if "://" in text or text.startswith((".", "/")) or text.endswith((".whl", ".tar.gz", ".zip")):
        return ImportedManifest(notes=(f"{place}: a file or URL; publish it to a repository",))
    try:
        return ImportedManifest(dependencies=(str(read_requirement(text)),))
    except InvalidRequirement:
        return ImportedManifest(notes=(f"{place}: `{shown(text)[:120]}` is not a requirement",))
