"""Whose Python the scripts of a distribution start: noted where they were written for it, and looked at later."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from pipper.apply.verify import starts_here, verify
from pipper.python.environment import environment_of, installed
from tests.workshop import Workshop, this_interpreter


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    return Workshop(tmp_path)


@pytest.mark.parametrize(
    ("parts", "named"),
    [
        ({"entry_points": {"foo": "foo:main"}}, True),
        ({"gui_scripts": {"foo": "foo:main"}}, True),
        ({"files": {"foo-1.0.data/scripts/foo": "#!python\n"}}, True),
        ({"files": {"foo-1.0.data/scripts/foo": "#!/usr/bin/python3\n"}}, False),
        ({}, False),
    ],
)
def test_the_marks_name_the_interpreter_where_scripts_were_written_for_it(
    workshop: Workshop, parts: dict[str, dict[str, str]], named: bool
) -> None:
    workshop.sync(workshop.wheel("foo", **parts))
    (found,) = installed(workshop.environment)
    assert found.python == (str(workshop.environment.interpreter.executable) if named else "")
    moved = replace(workshop.environment.interpreter, executable=workshop.root / "other" / "bin" / "python")
    drift = verify(replace(workshop.environment, interpreter=moved), [found])
    assert [each.problem.partition(" ")[0] for each in drift] == (["start"] if named else [])


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege")
def test_scripts_of_an_interpreter_itself_may_name_it_by_a_link(tmp_path: Path) -> None:
    base = replace(this_interpreter(), prefix=Path("/usr"), base_prefix=Path("/usr"))
    (tmp_path / "link").symlink_to(base.executable)
    (tmp_path / "other").write_text("")
    environment = environment_of(base)
    assert starts_here(str(tmp_path / "link"), environment)
    assert not starts_here(str(tmp_path / "other"), environment)
    assert not starts_here(str(tmp_path / "nowhere"), environment)
