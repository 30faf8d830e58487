"""`pipper repository check` and `repair` tell no damage that is none while others publish, replace and prune."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from pipper.core.layout.page import ProjectPage
from pipper.ops.repository.prune import PruneRequest, prune
from pipper.repository import page_swap
from pipper.repository.survey import Surveyor
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf


@pytest.fixture(params=["directory", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, s3_server: S3Endpoint) -> Shelf:
    """alpha 1.0.0 and 2.0.0, published."""
    remote = request.param == "bucket"
    made = Shelf(
        root=tmp_path, server=s3_server if remote else None, bucket=s3_server.fresh_bucket() if remote else ""
    )
    made.publish(made.wheel("alpha", "1.0.0"), made.wheel("alpha", "2.0.0"))
    return made


def publish(shelf: Shelf) -> None:
    shelf.publish(shelf.wheel("alpha", "3.0.0"))


def force(shelf: Shelf) -> None:
    other = shelf.wheel("alpha", "2.0.0", folder="other", files={"alpha/__init__.py": "other = 1\n"})
    shelf.publish(other, force=True)


def prune_one(shelf: Shelf) -> None:
    assert prune(shelf.settings, PruneRequest(releases=("alpha:1.0.0",)), now=datetime.now(UTC)).files == 3


ACTS = pytest.mark.parametrize("act", [publish, force, prune_one])
MOMENTS = pytest.mark.parametrize("step", ["survey", "_wheel_jobs", "_bundle_jobs"])
"""After the listing, after the page, after the wheels."""


def once_before(monkeypatch: pytest.MonkeyPatch, step: str, act: Callable[[], object]) -> None:
    """Act once, before a step of the survey."""
    real = getattr(Surveyor, step)

    def overtaken(*args: Any) -> Any:
        monkeypatch.undo()
        act()
        return real(*args)

    monkeypatch.setattr(Surveyor, step, overtaken)


@ACTS
@MOMENTS
def test_a_check_finds_no_difference_in_what_others_change_meanwhile(
    step: str, act: Callable[[Shelf], None], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(monkeypatch, step, lambda: act(shelf))
    assert shelf.kinds(days=2) == {}


@ACTS
@MOMENTS
def test_a_repair_tells_nothing_of_what_others_change_meanwhile(
    step: str, act: Callable[[Shelf], None], shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    once_before(monkeypatch, step, lambda: act(shelf))
    outcome = shelf.repair(days=2)
    assert (outcome.mends, outcome.left) == ((), ())
    assert shelf.kinds(days=2) == {}


def test_damage_is_told_though_others_publish_meanwhile(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = shelf.key("alpha-1.0.0-py3-none-any.whl")
    shelf.drop(key)
    once_before(monkeypatch, "_wheel_jobs", lambda: publish(shelf))
    assert shelf.kinds() == {key: "missing wheel"}


def test_an_entry_that_stays_or_that_others_take_away_is_not_told_as_removed(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, pruned = (shelf.key(f"alpha-{version}-py3-none-any.whl") for version in ("1.0.0", "2.0.0"))
    for key in (lost, pruned, "alpha/v1-0-0.pipper", "alpha/v2-0-0.pipper"):
        shelf.drop(key)
    dump = page_swap.dump_page

    def overtaken(page: ProjectPage) -> bytes:
        monkeypatch.undo()
        shelf.publish(shelf.wheel("alpha", "1.0.0"), shelf.wheel("alpha", "3.0.0"))
        request = PruneRequest(releases=("alpha:2.0.0",))
        assert prune(shelf.settings, request, now=datetime.now(UTC)).exit_code == 0
        return dump(page)

    monkeypatch.setattr(page_swap, "dump_page", overtaken)
    outcome = shelf.repair()
    assert (outcome.mends, outcome.left) == ((), ())
    assert shelf.page("alpha")["versions"] == ["1.0.0", "3.0.0"]
    assert shelf.kinds() == {}
