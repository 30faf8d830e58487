"""The files of a `.dist-info`, in a wheel and in an environment."""

from collections.abc import Mapping

from packaging.utils import canonicalize_name

from pipper.apply.installed_record import read_record
from pipper.python.environment import installed, target_directory
from pipper.wheels import tree
from pipper.wheels.entry_points import parse_entry_points
from pipper.wheels.metadata import parse_metadata
from pipper.wheels.name import parse_wheel_name
from pipper.wheels.record import Listed, Row, encoded, format_record, parse_record
from tests.fuzz.grammars.base import Grammar
from tests.fuzz.grammars.places import folder, scratch
from tests.fuzz.hostile import NAMES, TOKENS
from tests.fuzz.texts import DIGITS
from tests.wheelhouse import record_lines, record_of, wheel_members
from tests.workshop import this_interpreter

_NAME = canonicalize_name("foo")
_WHEEL = "foo-1.0-py3-none-any.whl"
_INFO = "foo-1.0.dist-info"
_MEMBERS = wheel_members(
    "foo",
    "1.0",
    requires=("bar>=1,<2 ; python_version >= '3.8'", "baz"),
    extras={"x": ("qux",)},
    requires_python=">=3.8",
    entry_points={"tool": "foo:main"},
    gui_scripts={"gui": "foo.sub:main.run"},
)
_TOKENS = tuple(token.decode("utf-8", "surrogateescape") for token in TOKENS)
_PATHS = tuple(name.decode("utf-8", "surrogateescape") for name in NAMES if len(name) < 5_000)
_FILES = (*_MEMBERS, f"{_INFO}/RECORD")
_MARKS = f'{{"source": "acme", "sha256": "{"0123456789abcdef" * 4}", "python": "cp311"}}'


def _metadata(data: bytes) -> object:
    core = parse_metadata(data, subject=_WHEEL)
    return None if core.unusable() else core


def _record(data: bytes) -> dict[str, Listed]:
    return parse_record(data, files=_FILES, subject=_WHEEL)


def _written(listed: Mapping[str, Listed]) -> bytes:
    rows = [
        Row(
            path,
            each.algorithm and f"{each.algorithm}={encoded(each.digest)}",
            "" if each.size is None else str(each.size),
        )
        for path, each in listed.items()
    ]
    return format_record(rows).encode()


def _wheel(data: bytes) -> object:
    return tree._check_wheel(data, parse_wheel_name(_WHEEL)) in (True, False)


def _environment(name: str, data: bytes) -> object:
    """Look at an environment with one distribution, of which this file is read."""
    place = f"target/{_INFO if name != 'PKG-INFO' else 'foo.egg-info'}"
    scratch(f"{place}/{name}", data)
    return installed(target_directory(folder() / "target", this_interpreter()))


def _installed_record(data: bytes) -> object:
    path = scratch(f"record/{_INFO}/RECORD", data)
    return read_record(str(path.parent)) or ()


GRAMMARS = (
    Grammar(
        name="metadata",
        shape="lines",
        examples=lambda: (_MEMBERS[f"{_INFO}/METADATA"],),
        read=_metadata,
        codes=frozenset({4}),
        words=(*_TOKENS, f"Requires-Python: >={DIGITS}", f"Requires-Dist: x>={DIGITS}"),
    ),
    Grammar(
        name="wheel-file",
        shape="lines",
        examples=lambda: (_MEMBERS[f"{_INFO}/WHEEL"],),
        read=_wheel,
        codes=frozenset({4}),
        words=_TOKENS,
    ),
    Grammar(
        name="record",
        shape="lines",
        examples=lambda: (record_of(record_lines(_MEMBERS)),),
        read=_record,
        write=_written,
        codes=frozenset({4}),
        words=(*_PATHS, "sha256=", "sha512=", "md5=", f"sha256={DIGITS}", ",,", '"'),
    ),
    Grammar(
        name="installed-record",
        shape="lines",
        examples=lambda: (record_of(record_lines(_MEMBERS)),),
        read=_installed_record,
        codes=frozenset({8}),
        words=(*_PATHS, "sha256=", ",,", '"'),
    ),
    Grammar(
        name="entry-points",
        shape="lines",
        examples=lambda: (_MEMBERS[f"{_INFO}/entry_points.txt"],),
        read=lambda data: parse_entry_points(data, owner=_NAME, subject=_WHEEL),
        codes=frozenset({4}),
        words=_TOKENS,
    ),
    Grammar(
        name="marks",
        shape="json",
        examples=lambda: (_MARKS,),
        read=lambda data: _environment("pipper.json", data),
        words=("source", "sha256", "python"),
    ),
    Grammar(
        name="egg-info",
        shape="lines",
        examples=lambda: ("Metadata-Version: 1.0\nName: foo\nVersion: 1.0\n",),
        read=lambda data: _environment("PKG-INFO", data),
        words=_TOKENS,
    ),
)
