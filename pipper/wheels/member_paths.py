"""Accept a path in an archive only if it names one file, the same on every system."""

import re
import unicodedata
from collections.abc import Iterable

from pipper.errors import IntegrityError

_DEVICES = r"con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$"

_RULES = tuple(
    (re.compile(pattern, re.IGNORECASE), rule)
    for pattern, rule in (
        (r"^$", "has no name"),
        (r"(^|/)\.\.(/|$)", "leaves the archive"),
        (r"^/", "is an absolute path"),
        (r"\\", "has a backslash, which separates directories on Windows"),
        (r":", "has a colon, which names a drive or a stream on Windows"),
        (r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", "has a control character in its name"),
        (r"(^|/)\.(/|$)|//|/$", "is not a normal path"),
        (r"[. ](/|$)", "has a name that ends in a dot or a space, which Windows drops"),
        (rf"(^|/)({_DEVICES})\s*(\.[^/]*)?(/|$)", "has a name that is a device on Windows"),
    )
)

# Nearly every real path matches this pattern, which is fast; up to MAX_COMPONENT it cannot be too deep.
_PLAIN_PART = rf"(?!(?i:{_DEVICES})(?:[./]|$))[A-Za-z0-9_.+-]*[A-Za-z0-9_+-]"
_PLAIN = re.compile(rf"(?:{_PLAIN_PART}/)*{_PLAIN_PART}")

MAX_COMPONENT = 255
"""Bytes of one name: the limit of common file systems."""

MAX_PATH = 4096
"""Bytes of a whole path."""

MAX_DEPTH = 128
"""Names in a path. Real paths have about ten; functions that create and remove folders recurse per name."""

REBUILD = "build the file again, or ask its publisher for a corrected one"


def path_fault(path: str) -> str:
    """Return the rule that `path` (relative, separated by `/`) breaks, or an empty text for a valid path.

    The rules are the same on every system: a path stays in its folder and has no drive, stream or control
    character, no name that Windows changes or takes for a device, at most 255 bytes a name, 4,096 bytes and
    128 names in all.
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
    """Return `path` as a key that ignores case and Unicode composition, as some file systems do."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())


def refuse_collisions(paths: Iterable[str], *, subject: str, when: str = "") -> None:
    """Raise IntegrityError for the first two of the files `paths` in `subject` that collide, `when` in brackets.

    Files collide if their paths are equal or differ only in case or Unicode composition, or if another file
    needs a folder at the path of a file.
    """
    files: dict[str, str] = {}
    for path in paths:
        key = folded(path)
        if key in files:
            other = files[key]
            rule = "is a duplicate" if other == path else f"is the same file as {other!r} on some systems"
            raise refusal(subject, rule + when, member=path)
        files[key] = path
    folders: set[str] = set()
    for key, path in files.items():
        folder = key.rpartition("/")[0]
        while folder and folder not in folders:
            if folder in files:
                raise refusal(subject, f"is a file and the directory of {path!r}{when}", member=files[folder])
            folders.add(folder)
            folder = folder.rpartition("/")[0]


def refusal(subject: str, rule: str, *, member: str | None = None, hint: str = REBUILD) -> IntegrityError:
    """Return the error for the file `subject`, or the `member` in it, that breaks `rule`."""
    where = subject if member is None else f"{subject}: member {shortened(member)}"
    return IntegrityError(f"{where}: {rule}", hint=hint)


def shortened(text: str) -> str:
    """Return `text` quoted, control characters escaped, cut after 200 characters."""
    return repr(text) if len(text) <= 200 else f"{text[:200]!r}…"
