"""The example that the pages show is a lock as pipper writes it today."""

import re
from pathlib import Path

import pytest

from pipper.core.lock.reader import parse_lock
from pipper.core.lock.writer import dump_lock
from tests.example import EXAMPLE, PROJECTS, make_lock

ELSEWHERE = (
    (r"[0-9a-f]{64}|(?<=/)[0-9a-f]{16}(?=/)", "HASH"),
    (r"size = \d+", "size = N"),
    (r"(?ms)^\[\[environments\]\].*?(?=^\[\[packages\]\])", "ENVIRONMENTS\n\n"),
)
"""What another machine, or another release of a build backend, gives another value."""


def test_the_example_is_read_and_written_back_byte_by_byte() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    lock = parse_lock(text.encode(), label=EXAMPLE.name)
    assert [package.name for package in lock.packages] == list(PROJECTS)
    assert dump_lock(lock) == text


@pytest.mark.registry
def test_the_example_is_the_lock_of_the_fixtures(tmp_path: Path) -> None:
    made, kept = make_lock(tmp_path), EXAMPLE.read_text(encoding="utf-8")
    for pattern, name in ELSEWHERE:
        made, kept = re.sub(pattern, name, made), re.sub(pattern, name, kept)
    assert kept == made, "run `python -m tests.example`"
