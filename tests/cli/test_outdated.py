"""`pipper outdated`: what is locked, held against what is published by now."""

import json
import shutil

import pytest

from tests.invariants import Workspace
from tests.stock import stock, yank


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    return stock(empty)


def test_newer_versions_are_told_with_what_the_manifest_admits(shop: Workspace) -> None:
    before = shop.state()
    assert shop.run("outdated").stdout == "base 1.0 1.1 1.1\nmodels 1.0 2.0 1.5\n"
    shop.compare(before)


def test_json_names_the_source(shop: Workspace) -> None:
    told = json.loads(shop.run("outdated", "--json").stdout)
    assert told["packages"][1] == {
        "name": "models",
        "locked": "1.0",
        "newest": "2.0",
        "allowed": "1.5",
        "source": "acme",
    }


def test_U_of_what_the_manifest_does_not_name_the_packages_that_require_it_say_what_is_allowed(
    empty: Workspace,
) -> None:
    """FIELD U: `outdated` shows `-` for what is transitive."""
    needs = ["inner<3", "inner<2; sys_platform == 'none'"]
    empty.publish(empty.wheel("outer", requires=needs), empty.wheel("inner", "1.0"))
    empty.write_manifest("outer")
    empty.run("lock")
    empty.publish(empty.wheel("inner", "2.5"), empty.wheel("inner", "3.0"))
    assert empty.run("outdated").stdout == "inner 1.0 3.0 2.5\n"
    empty.run("lock", "-P", "inner")
    assert empty.locked()["inner"] == "2.5"


def test_where_no_version_is_allowed_any_more_none_is_told(shop: Workspace) -> None:
    shop.publish(shop.wheel("loop", "4.0"))
    shutil.rmtree(shop.repository / "models")
    assert "loop 1.0 4.0 4.0\n" in shop.run("outdated").stdout
    yank(shop, "base", "1.0", True)
    yank(shop, "base", "1.1", True)
    packages = json.loads(shop.run("outdated", "--json").stdout)["packages"]
    assert all(each["allowed"] != "1.1" for each in packages)


def test_a_yanked_version_is_no_newer_one(shop: Workspace) -> None:
    yank(shop, "base", "1.1", True)
    yank(shop, "models", "2.0", "broken")
    assert shop.run("outdated").stdout == "models 1.0 1.5 1.5\n"


def test_what_was_locked_with_the_newest_is_not_outdated(shop: Workspace) -> None:
    shop.write_manifest("models", "base")
    shop.run("lock", "-U")
    done = shop.run("outdated")
    assert (done.stdout, done.stderr) == ("", "All locked packages are up to date\n")
    assert json.loads(shop.run("outdated", "--json").stdout) == {"packages": []}


def test_a_project_that_is_gone_is_warned_of_and_the_rest_told(shop: Workspace) -> None:
    shutil.rmtree(shop.repository / "tester")
    done = shop.run("outdated")
    assert "warning: tester is not published any more: looked in `acme`" in done.stderr
    assert done.stdout == "base 1.0 1.1 1.1\nmodels 1.0 2.0 1.5\n"


def test_another_copy_of_the_repository_may_be_asked(shop: Workspace) -> None:
    copy = shop.root / "copy"
    shutil.copytree(shop.repository, copy)
    shutil.rmtree(shop.repository)
    assert shop.run("outdated", "-b", copy.as_uri()).stdout.startswith("base 1.0 1.1 1.1\n")


def test_a_stale_lock_is_refused(shop: Workspace) -> None:
    shop.write_manifest("models")
    shop.refused("outdated", code=2, subject="pipper.lock is out of date")


def test_the_limits_of_the_manifest_and_asked_extras_count_in_what_is_allowed(empty: Workspace) -> None:
    """What `allowed` says, `lock -P NAME` takes."""
    needs = ["inner<4; extra == 'fast'", "inner<3; extra == 'other'"]
    empty.publish(
        empty.wheel("outer", requires=needs, extras={"fast": [], "other": []}),
        *(empty.wheel(name, "1.0") for name in ("inner", "limited", "forced", "both")),
    )
    empty.write_manifest("outer[fast]", "limited", "forced<2", "both<2")
    empty.run("lock")
    empty.publish(*(empty.wheel("inner", version) for version in ("2.5", "3.5", "4.0")))
    empty.publish(
        *(empty.wheel(name, version) for name in ("limited", "forced", "both") for version in ("2.0", "3.0"))
    )
    manifest = empty.manifest.read_text()
    limits = "constraints = ['limited<3', 'both<3']\noverrides = ['forced>=1', 'both>=1']\n"
    empty.manifest.write_text(limits + manifest)
    empty.run("lock")
    told = empty.run("outdated").stdout
    assert told == "both 1.0 3.0 2.0\nforced 1.0 3.0 3.0\ninner 1.0 4.0 3.5\nlimited 1.0 3.0 2.0\n"
    for name, version in (("both", "2.0"), ("forced", "3.0"), ("inner", "3.5"), ("limited", "2.0")):
        empty.run("lock", "-P", name)
        assert empty.locked()[name] == version


def test_a_version_that_has_not_cooled_down_is_newer_and_not_allowed(shop: Workspace) -> None:
    for page in shop.repository.glob("*/index.json"):
        document = json.loads(page.read_text())
        for file in document["files"]:
            if "-1.0-" in file["filename"]:
                file["upload-time"] = "2020-01-01T00:00:00Z"
        page.write_text(json.dumps(document))
    shop.manifest.write_text(f"cool-down = '7 days'\n{shop.manifest.read_text()}")
    shop.run("lock")
    assert shop.run("outdated").stdout == "base 1.0 1.1 1.0\nmodels 1.0 2.0 1.0\n"
