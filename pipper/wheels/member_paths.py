"""Which paths may stand in an archive: those that mean one file, the same on every system."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from pipper.errors import IntegrityError

_DEVICES = r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$"

_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), rule)
    for pattern, rule in (
        (r"^$", "has no name"),
        (r"(^|/)\.\.(/|$)", "leaves the archive"),
        (r"^/", "is an absolute path"),
        (r"\\", "has a backslash, which separates folders on Windows"),
        (r":", "has a colon, which names a drive or a stream on Windows"),
        (r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "has a control character in its name"),
        (r"(^|/)\.(/|$)|//|/$", "is not a normal path"),
        (r"[. ](/|$)", "has a name that ends in a dot or a space, which Windows drops"),
        (rf"(^|/)({_DEVICES})\s*(\.[^/]*)?(/|$)", "has a name that is a device on Windows"),
    )
)

# Nearly every real path is of this kind, and told to be good in one quick pass; so short, it is not too deep.
_PLAIN_PART = rf"(?!(?i:{_DEVICES})(?:[./]|$))[A-Za-z0-9_.+-]*[A-Za-z0-9_+-]"
_PLAIN = re.compile(rf"(?:{_PLAIN_PART}/)*{_PLAIN_PART}")

MAX_COMPONENT = 255
"""Bytes of one name: the limit of the usual file systems."""

MAX_PATH = 4096
"""Bytes of a whole path."""

MAX_DEPTH = 128
"""Names in a path. Real ones have a dozen; what makes and removes folders one in another runs out of stack."""


def path_fault(path: str) -> str:
    """Return the rule that `path` (relative, separated by `/`) breaks, or an empty text for a good one.

    Portable rules, the same on every system: no way out of the folder, no drive or stream, no control
    character, no name that Windows changes or takes for a device, 255 bytes a component, 4,096 in all, 128
    components.
    """
    if len(path) <= MAX_COMPONENT and _PLAIN.fullmatch(path):
        return ""
    encoded = path.encode("utf-8", "surrogatepass")
    if len(encoded) > MAX_PATH:
        return f"has a path of more than {MAX_PATH} bytes"
    if any(len(part) > MAX_COMPONENT for part in encoded.split(b"/")):
        return f"has a name of more than {MAX_COMPONENT} bytes"
    if path.count("/") >= MAX_DEPTH:
        return f"has a path of more than {MAX_DEPTH} names"
    return next((rule for pattern, rule in _RULES if pattern.search(path)), "")


def folded(path: str) -> str:
    """Return `path` as a file system sees it that tells neither case nor Unicode composition apart."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Two paths that cannot both be files of one folder."""

    path: str
    other: str
    rule: str


def find_collision(paths: Iterable[str]) -> Collision | None:
    """Return the first two of the files `paths` that would stand in each other's way, or None.

    Told apart are: the same path twice, two spellings of one path where case or Unicode composition do not
    count, and a file where another file needs a folder.
    """
    files: dict[str, str] = {}
    for path in paths:
        key = folded(path)
        if key in files:
            other = files[key]
            rule = "is there twice" if other == path else f"is {other!r} where case does not count"
            return Collision(path=path, other=other, rule=rule)
        files[key] = path
    return _file_as_folder(files)


def _file_as_folder(files: dict[str, str]) -> Collision | None:
    folders: set[str] = set()
    for key, path in files.items():
        folder = key.rpartition("/")[0]
        while folder and folder not in folders:
            if folder in files:
                return Collision(
                    path=files[folder], other=path, rule=f"is a file, and the folder of {path!r}"
                )
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return None


def refusal(subject: str, rule: str, *, member: str | None = None, hint: str = "") -> IntegrityError:
    """Return the error for `subject` (a file name) that breaks `rule`, with the member that breaks it."""
    where = subject if member is None else f"{subject}: member {shortened(member)}"
    return IntegrityError(f"{where}: {rule}", hint=hint)


def shortened(text: str) -> str:
    """Return `text` quoted and without control characters, cut where it is longer than a line can hold."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}…"
