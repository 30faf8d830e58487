"""Requirements that poison a solver, and pages that hide them (H28)."""

from collections.abc import Sequence

import pytest

from tests.hostile import NAME, Arena, info_file, wheel_with
from tests.invariants import Workspace

POISON = {
    "url": ["x @ https://user:s3cret@evil.example.com/x.whl"],
    "file": ["x @ file:///etc/passwd"],
    "malformed": ["=>1"],
    "20,000 lines": [f"a{number}" for number in range(20_000)],
    "1 MB marker": ["a; " + " or ".join(["os_name == 'x'"] * 60_000)],
    "deep": ["a; " + "(" * 50_000 + "os_name == 'x'" + ")" * 50_000],
    "unclosed": ["a; " + "(" * 50_000],
}


def poisoned(requires: Sequence[str]) -> bytes:
    lines = "".join(f"Requires-Dist: {line}\n" for line in requires)
    return wheel_with(METADATA=info_file("METADATA") + lines.encode())


@pytest.mark.parametrize("case", POISON)
def test_H28_a_wheel_with_poisoned_requirements_is_refused_by_publish(case: str, arena: Arena) -> None:
    done = arena.publish_refused(poisoned(POISON[case]))
    assert "requirement" in done.stderr or "URL" in done.stderr
    assert "s3cret" not in done.stderr
    assert len(done.stderr) < 1000


@pytest.mark.parametrize("case", POISON)
def test_H28_a_version_with_poisoned_requirements_is_unusable_and_said_so_by_lock(
    case: str, arena: Arena
) -> None:
    with arena.planted(poisoned(POISON[case]), requires_dist=POISON[case]), arena.unchanged():
        done = arena.workspace.refused("lock", code=3, subject="epsilon")
    assert "s3cret" not in done.stderr
    assert len(done.stderr) < 3000


@pytest.mark.parametrize("case", POISON)
def test_H28_a_page_that_hides_poisoned_requirements_is_found_out_by_sync(case: str, arena: Arena) -> None:
    with arena.planted(poisoned(POISON[case])), arena.unchanged():
        arena.locked()
        done = arena.workspace.refused("sync", code=4, subject="epsilon 1.0.0")
    assert "metadata for epsilon 1.0.0 on its page in `acme` is not that of the wheel" in done.stderr
    assert NAME in done.stderr
    assert "s3cret" not in done.stderr


@pytest.mark.parametrize(
    "requires",
    [["hidden"], ["gamma"], ["alpha>=2"], ["hidden; python_version > '3'"]],
    ids=lambda each: each[0],
)
def test_H28_a_page_that_hides_a_requirement_is_found_out_by_sync(requires: list[str], arena: Arena) -> None:
    with arena.planted(poisoned(requires)), arena.unchanged():
        arena.locked()
        arena.workspace.refused("sync", code=4, subject="metadata for epsilon 1.0.0 on its page in `acme`")


def test_H28_another_version_is_taken_where_there_is_one(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("epsilon", "0.9.0"))
    arena = Arena(workspace=workspace)
    newer = workspace.wheel("epsilon", "1.0.0")
    workspace.publish(newer)
    page = workspace.repository / "epsilon" / "index.json"
    old, _, new = page.read_text().partition(f'"filename":"{NAME}"')
    page.write_text(
        old + f'"filename":"{NAME}"' + new.replace('"requires-dist":[]', '"requires-dist":["=>1"]', 1)
    )
    workspace.write_manifest("alpha", "epsilon", more="[dependency-groups]\ndev = ['delta']\n")
    arena.locked()
    assert workspace.locked()["epsilon"] == "0.9.0"
    workspace.run("sync")
    assert workspace.installed()["epsilon"] == "0.9.0"


def test_H28_what_a_bundle_adds_to_the_requirements_is_no_difference(workspace: Workspace) -> None:
    """0.x wrote dependencies into `package.meta` that the wheel itself does not name."""
    workspace.publish(workspace.wheel("epsilon"))
    page = workspace.repository / "epsilon" / "index.json"
    page.write_text(page.read_text().replace('"dependencies":[]', '"dependencies":["gamma:>=1.0.0"]'))
    workspace.write_manifest("alpha", "epsilon")
    workspace.run("lock")
    workspace.run("sync")
    assert workspace.installed().keys() >= {"epsilon", "gamma"}
