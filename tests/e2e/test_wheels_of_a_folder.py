"""Any wheels, as many as there are: each passes the gate and is installed as pip installs it.

On demand: `PIPPER_WHEELS=FOLDER`, with wheels for this platform, such as `pip download --no-deps` leaves them.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from pipper.errors import PipperError
from pipper.python.environment import installed
from pipper.wheels.gate import check_publishable, open_wheel
from tests.e2e.test_real_wheels import differences, files, scripts
from tests.workshop import Workshop

FOLDER = os.environ.get("PIPPER_WHEELS", "")
"""Read here: no variable of pipper's own reaches a test."""
EXPLAINED = re.compile(r"pip3\.\d+: ours None")
"""pip gives itself a script that its wheel does not name, `pip3.11` in an environment of Python 3.11."""
_BATCH = 25

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER, reason="on demand: PIPPER_WHEELS=FOLDER"),
]


def test_every_wheel_of_the_folder_passes_the_gate_and_is_installed_as_pip_does(tmp_path: Path) -> None:
    wheels = sorted(Path(FOLDER).glob("*.whl"))
    assert wheels
    refused = dict(filter(lambda pair: pair[1], ((path.name, refusal(path)) for path in wheels)))
    different: list[str] = []
    count = 0
    for number, batch in enumerate(batches([path for path in wheels if path.name not in refused])):
        folder = tmp_path / str(number)
        folder.mkdir()
        different += compare(batch, folder)
        count += len(batch)
        shutil.rmtree(folder)
    told = [f"{name}: {why}" for name, why in refused.items()]
    told += [difference for difference in different if not EXPLAINED.match(difference)]
    print(f"{len(wheels)} wheels, {len(refused)} refused, {count} compared")  # noqa: T201 - how much this run covered
    assert told == []


def refusal(path: Path) -> str:
    """Why the gate does not take a wheel, or an empty text."""
    try:
        with open_wheel(path, filename=path.name) as wheel:
            wheel.verify()
            check_publishable(wheel)
    except PipperError as error:
        return error.message
    return ""


def batches(wheels: Sequence[Path]) -> Iterator[list[Path]]:
    """The wheels in groups in which no two have a name or a path in common."""
    groups: list[tuple[list[Path], set[str]]] = []
    for path in wheels:
        with open_wheel(path, filename=path.name) as wheel:
            places = {f"name {wheel.name}"} | {f"{each.scheme} {each.target}" for each in wheel.members}
            places |= {f"script {entry.name}" for entry in wheel.entry_points}
        for group, places_taken in groups:
            if len(group) < _BATCH and not places_taken & places:
                group.append(path)
                places_taken.update(places)
                break
        else:
            groups.append(([path], places))
    yield from (group for group, _ in groups)


def compare(wheels: Sequence[Path], folder: Path) -> list[str]:
    """What pipper and pip install differently."""
    workshop = Workshop(folder / "ours")
    workshop.sync(*map(workshop.take, wheels))
    assert len(installed(workshop.environment)) == len(wheels)
    theirs = Workshop(folder / "theirs").environment
    pip = [
        sys.executable,
        "-I",
        "-m",
        "pip",
        "--python",
        str(theirs.interpreter.executable),
        "install",
        "--quiet",
    ]
    options = ["--no-index", "--no-deps", "--no-compile", "--disable-pip-version-check"]
    done = subprocess.run([*pip, *options, *wheels], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ours_root, their_root = workshop.environment.root, theirs.root
    assert files(their_root)
    return [
        *differences(files(ours_root), files(their_root)),
        *differences(scripts(ours_root), scripts(their_root)),
    ]
