"""Entry points that become scripts, and the reserved names of scripts (the entry points specification)."""

import keyword
import re
from typing import Literal

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.wheels.member_paths import path_fault, refusal, shortened

_KINDS: dict[str, Literal["console", "gui"]] = {"console_scripts": "console", "gui_scripts": "gui"}
_NAME = re.compile(r"[\w.-]+")
_VALUE = re.compile(
    r"(?P<module>[\w.]+)\s*:\s*(?P<attr>[\w.]+)\s*(\[\s*[A-Za-z0-9._,\s-]*\])?",
)

# The scripts of an environment itself: its interpreter, its activation and its installer.
_INTERPRETER = re.compile(
    r"(python|pythonw|pypy|pypyw)([0-9]+(\.[0-9]+)*)?[dmt]?(-config)?(\.(exe|bat|cmd|com))?"
    r"|activate(\.[a-z0-9]+)?|deactivate(\.[a-z0-9]+)?|activate_this\.py"
)
_INSTALLER = re.compile(r"pip([0-9]+(\.[0-9]+)*)?(\.(exe|bat|cmd|com))?")


class EntryPoint(Struct, frozen=True, kw_only=True, array_like=True):
    """A script to generate: it calls `attr` of `module`."""

    kind: Literal["console", "gui"]
    name: str
    module: str
    """A dotted path."""
    attr: str
    """A dotted path in the module."""


def script_fault(name: str, owner: NormalizedName) -> str:
    """Return why the distribution `owner` must not have a script of this `name`, or an empty text.

    Reserved on every system, in upper and lower case and with the suffixes of Windows: the interpreter, the
    activation scripts, and `pip` for all distributions but pip.
    """
    lower = name.lower()
    if _INTERPRETER.fullmatch(lower) or (_INSTALLER.fullmatch(lower) and owner != "pip"):
        return f"{shortened(name)} would replace the environment's own script"
    return ""


def parse_entry_points(raw: bytes, *, owner: NormalizedName, subject: str) -> tuple[EntryPoint, ...]:
    """Return the scripts that entry_points.txt names; other groups are not read.

    Raises IntegrityError for a name that has other characters than letters, digits, `_`, `.` and `-`, is not
    a file name, is reserved or a duplicate, and for a value that is not `module:attr`.
    """
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise refusal(subject, "entry_points.txt is not UTF-8") from error
    found: dict[str, EntryPoint] = {}
    group = ""
    for number, full_line in enumerate(text.splitlines(), start=1):
        line = full_line.strip()
        if not line or line[0] in "#;":
            continue
        if line[0] == "[" and line[-1] == "]":
            group = line[1:-1].strip()
        elif group in _KINDS:
            entry = _entry(_KINDS[group], line, owner, f"{subject}: entry_points.txt line {number}")
            if found.setdefault(entry.name.lower(), entry) != entry:
                raise refusal(subject, f"entry_points.txt has two scripts named {shortened(entry.name)}")
    return tuple(found.values())


def _entry(kind: Literal["console", "gui"], line: str, owner: NormalizedName, place: str) -> EntryPoint:
    name, equals, value = (part.strip() for part in line.partition("="))
    if not equals:
        raise refusal(place, f"{shortened(line)} is not NAME = MODULE:ATTR")
    if not _NAME.fullmatch(name):
        raise refusal(
            place,
            f"the script name {shortened(name)} has other characters than letters, digits, `_`, `.`, `-`",
        )
    fault = path_fault(name) or script_fault(name, owner)
    if fault:
        raise refusal(place, f"the script {shortened(name)}: {fault}")
    match = _VALUE.fullmatch(value)
    if match is None or not (_is_dotted(match["module"]) and _is_dotted(match["attr"])):
        raise refusal(place, f"the script {shortened(name)} has {shortened(value)}, not MODULE:ATTR")
    return EntryPoint(kind=kind, name=name, module=match["module"], attr=match["attr"])


def _is_dotted(path: str) -> bool:
    return all(part.isidentifier() and not keyword.iskeyword(part) for part in path.split("."))
