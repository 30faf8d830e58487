"""`pipper repository packages`: what a repository holds, from one listing and one page a project."""

import json
from typing import Any

import pytest

from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double
from tests.shelf import Shelf


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    """acme-models 1.0.0 (yanked), 1.1.0 of two wheels and 2.0rc1; acme-base 1.0.0; zeta 3.0."""
    empty.publish(
        empty.wheel("acme_models", "1.0.0"),
        empty.wheel("acme_models", "1.1.0"),
        empty.wheel("acme_models", "1.1.0", tag="cp311-cp311-linux_x86_64"),
        empty.wheel("acme_models", "2.0rc1"),
        empty.wheel("acme_base", "1.0.0"),
        empty.wheel("zeta", "3.0"),
    )
    empty.run("yank", "acme-models:1.0.0", "--reason", "loses data", "-b", empty.url)
    return empty


def rows(workspace: Workspace, *args: str) -> list[list[str]]:
    told = workspace.run("repository", "packages", *args, "-b", workspace.url).stdout
    return [line.split() for line in told.splitlines()]


def document(workspace: Workspace, *args: str, code: int = 0) -> Any:
    done = workspace.run("repository", "packages", "--json", *args, "-b", workspace.url, code=code)
    return json.loads(done.stdout)


def test_each_package_is_a_line_with_its_newest_version(shop: Workspace) -> None:
    assert [row[:3] for row in rows(shop)] == [
        ["acme-base", "1.0.0", "1"],
        ["acme-models", "1.1.0", "3"],
        ["zeta", "3.0", "1"],
    ]
    sizes = sum(path.stat().st_size for path in (shop.root / "wheels").glob("acme_models*"))
    assert rows(shop, "acme-models")[0][4:] == ["1", str(sizes)]


@pytest.mark.parametrize("pattern", ["acme-*", "Acme_*", "ACME.*", "acme-[bm]*"])
def test_a_pattern_limits_the_names_in_any_spelling(pattern: str, shop: Workspace) -> None:
    assert [row[0] for row in rows(shop, pattern)] == ["acme-base", "acme-models"]
    done = shop.run("repository", "packages", pattern, "-b", shop.url)
    assert "2 packages, 4 versions" in done.stderr


def test_a_pattern_that_nothing_fits_lists_nothing(shop: Workspace) -> None:
    assert rows(shop, "nope") == []


def test_versions_are_listed_newest_first_with_what_is_known_of_them(shop: Workspace) -> None:
    shop.run("publish", shop.wheel("acme_models", "1.2.0"), "-b", shop.url, "--by", "Ann")
    told = rows(shop, "acme-models", "--versions")
    assert [row[1] for row in told] == ["2.0rc1", "1.2.0", "1.1.0", "1.0.0"]
    assert [row[3] for row in told] == ["1", "1", "2", "1"]
    assert told[1][5:] == ["by", "Ann"]
    assert told[3][5:] == ["yanked:", "loses", "data"]


def test_the_document_says_the_same(shop: Workspace) -> None:
    told = document(shop, "acme-models", "--versions")
    assert (told["location"], told["format"], told["errors"]) == (shop.repository.as_uri(), 2, [])
    (package,) = told["packages"]
    assert {key: package[key] for key in ("name", "newest", "versions", "yanked")} == {
        "name": "acme-models",
        "newest": "1.1.0",
        "versions": 3,
        "yanked": 1,
    }
    last = package["releases"][-1]
    assert (last["version"], last["yanked"], last["yanked_reason"]) == ("1.0.0", True, "loses data")
    assert last["published"].startswith("with pipper ")
    assert "releases" not in document(shop)["packages"][0]


def test_only_pre_releases_and_only_yanked_versions(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha", "1.0a1"), empty.wheel("alpha", "1.0a2"), empty.wheel("beta", "1.0"))
    empty.run("yank", "beta:1.0", "-b", empty.url)
    assert [row[1] for row in rows(empty)] == ["1.0a2", "-"]


def test_bundles_of_0_x_count_where_0_x_publishes(empty: Workspace) -> None:
    Shelf(root=empty.root).fill_legacy()
    told = {row[0]: row[1:3] for row in rows(empty)}
    assert told["acme-base"] == ["1.1.0", "3"]


def test_a_name_that_is_held_without_a_version_is_listed(shop: Workspace) -> None:
    (shop.repository / "held").mkdir()
    (shop.repository / "held" / "left.txt").write_text("x")
    assert [row[:3] for row in rows(shop, "held")] == [["held", "-", "0"]]


def test_hostile_texts_do_not_reach_the_terminal(shop: Workspace) -> None:
    page = shop.repository / "acme-models" / "index.json"
    page.write_text(page.read_text().replace("loses data", "\\u001b[2J\\u009b31m"))
    told = shop.run("repository", "packages", "--versions", "-b", shop.url).stdout
    assert "yanked: \\x1b[2J\\x9b31m" in told
    assert "\x1b" not in told


def test_a_damaged_page_is_told_and_hides_no_other(shop: Workspace) -> None:
    (shop.repository / "acme-base" / "index.json").write_text("{")
    done = shop.run("repository", "packages", "-b", shop.url, code=4)
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["acme-models", "zeta"]
    assert "acme-base/index.json is damaged" in done.stderr
    assert document(shop, code=4)["errors"][0]["exit"] == 4


def test_where_there_is_no_repository_nothing_is_listed(empty: Workspace) -> None:
    empty.refused("repository", "packages", "-b", empty.url, code=2, subject="is not a repository")


def test_a_refused_listing_is_not_an_empty_one(remote: Workspace, double: S3Double) -> None:
    refused = Answer(status=403, code="AccessDenied")
    double.script(Rule(operation="ListObjectsV2", fault=refused, times=float("inf")))
    remote.refused("repository", "packages", "-b", remote.url, code=5, subject="pipper")


def test_one_listing_and_one_page_a_project_are_read_and_nothing_else(
    remote: Workspace, double: S3Double
) -> None:
    names = [f"many-{number}" for number in range(7)]
    remote.publish(*(remote.wheel(name) for name in names))
    double.page_size = 5
    double.forget()
    assert len(rows(remote)) == 11
    assert double.count("ListObjectsV2") == 3
    assert double.count("GetObject", "*/index.json") == 11
    assert len(double.seen) == 3 + 11 + 1  # and the marker
    double.forget()
    assert len(rows(remote, "many-*")) == 7
    assert double.count("GetObject", "*/index.json") == 7
