"""Headers of METADATA and WHEEL are read as mail headers are."""

import random
from email.parser import HeaderParser

from pipper.wheels.metadata import parse_headers

_PARTS = (
    *("Name", "A", ":", ":", ": ", " ", "\t", "x", "\n", "\n", "\r\n", "\r", "From ", "From: "),
    *("é", "\x0b", "\x85", "\x00", "\u2028", "=?utf-8?q?x?="),
)


def test_headers_are_those_that_the_mail_parser_of_python_finds() -> None:
    chance = random.Random(1)
    for _ in range(3000):
        # A blank line before the first header ends the headers for both, so there is always one header.
        text = "Name: " + "".join(chance.choices(_PARTS, k=chance.randrange(14)))
        head = text.split("\n\n")[0].split("\r\n\r\n")[0].split("\n\r\n")[0].split("\r\n\n")[0]
        expected: dict[str, list[str]] = {}
        for name, value in HeaderParser().parsestr(head).items():
            expected.setdefault(name.lower(), []).append(str(value))
        found = parse_headers(text.encode(), subject="foo")
        assert {name: [_flat(value) for value in values] for name, values in found.items()} == {
            name: [_flat(value) for value in values] for name, values in expected.items()
        }, repr(text)


def _flat(value: str) -> str:
    """Without the difference between a folded value and an unfolded one."""
    return " ".join(value.split())


def test_a_folded_value_is_one_line() -> None:
    text = b"Name: foo\nRequires-Dist: bar\n  >=1\r\n\t; extra == 'x'\n\nName: of the description\n"
    assert parse_headers(text, subject="foo") == {
        "name": ["foo"],
        "requires-dist": ["bar >=1 ; extra == 'x'"],
    }
