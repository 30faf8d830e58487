"""`pipper info`: what is installed, what is published, and how the two compare."""

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from pipper.wheels.bundle import write_bundle
from tests.commands import CHECKOUT
from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double
from tests.stock import place, stock, yank
from tests.wheelhouse import make_wheel


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    return stock(empty)


def state(workspace: Workspace, *args: str | Path) -> str:
    """The last line, which says how things stand."""
    return workspace.run("info", *args).stdout.splitlines()[-1]


def facts(workspace: Workspace, *args: str | Path) -> dict[str, str]:
    """The labelled lines."""
    lines = workspace.run("info", *args).stdout.splitlines()[1:-1]
    return {line.split()[0]: line.split(None, 1)[1] for line in lines}


def test_what_is_not_installed_is_missing(shop: Workspace) -> None:
    assert state(shop, "base") == f"missing: it is not installed in {shop.venv}; 1.1 is the newest"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("1.0", "behind: 1.0 is installed, 1.1 is the newest"),
        ("1.1", "current: 1.1 is installed and the newest"),
        ("1.1.0", "current: 1.1.0 is installed and the newest"),
        ("9.0", "ahead: 9.0 is installed, 1.1 is the newest"),
        ("2.0rc1", "ahead: 2.0rc1 is installed, 1.1 is the newest"),
        ("from.long.ago", "behind: from.long.ago is installed, 1.1 is the newest"),
    ],
)
def test_what_is_installed_is_compared_with_the_newest(shop: Workspace, version: str, said: str) -> None:
    assert state(shop, "base", "-t", place(shop.root / "packages", "base", version)) == said


def test_everything_that_is_published_is_told(shop: Workspace) -> None:
    yank(shop, "base", "1.0", "it loses data")
    told = facts(shop, "base")
    assert told["versions"] == (
        "3.0 (needs Python >=3.99), 2.0rc1 (pre-release), 1.1, 1.0 (yanked: it loses data)"
    )
    assert told["newest"] == "1.1"
    assert told["Python"] == ">=3.9"
    assert told["size"].endswith(" bytes")
    assert told["uploaded"].endswith(" UTC")
    assert told["source"] == f"acme ({shop.repository.as_uri()})"
    lines = shop.run("info", "base").stdout.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith("  dependencies"))
    assert [lines[start].split(None, 1)[1], lines[start + 1].strip()] == [
        "nums<9",
        'loop; sys_platform == "none"',
    ]


def test_a_yanked_version_is_never_the_newest_and_told_where_it_is_installed(shop: Workspace) -> None:
    yank(shop, "base", "1.1", "it loses data")
    packages = place(shop.root / "packages", "base", "1.1")
    assert (
        state(shop, "base", "-t", packages)
        == "ahead: 1.1 is installed, 1.0 is the newest; 1.1 is yanked: it loses data"
    )


def test_a_project_whose_versions_are_all_yanked_has_no_newest(shop: Workspace) -> None:
    yank(shop, "nums", "1.0", True)
    assert facts(shop, "nums")["versions"] == "1.0 (yanked)"
    assert state(shop, "nums").endswith("; all published versions are yanked")
    assert json.loads(shop.run("info", "nums", "--json").stdout)["newest"] is None


def test_a_pre_release_is_the_newest_where_there_is_nothing_else(shop: Workspace) -> None:
    shop.publish(shop.wheel("young", "1.0b1"), shop.wheel("young", "1.0b2"))
    assert facts(shop, "young")["newest"] == "1.0b2"


def test_the_manifest_may_admit_pre_releases(shop: Workspace) -> None:
    shop.manifest.write_text('prereleases = ["base"]\n' + shop.manifest.read_text())
    assert facts(shop, "base")["newest"] == "2.0rc1"


def test_what_fits_no_environment_at_hand_is_told_all_the_same(shop: Workspace) -> None:
    shop.publish(shop.wheel("later", "1.0", requires_python=">=3.99"))
    assert facts(shop, "later")["newest"] == "1.0 (needs Python >=3.99)"


def test_a_name_may_be_spelled_in_any_way(shop: Workspace) -> None:
    assert shop.run("info", "BASE").stdout.startswith("base\n")


def test_json_has_all_of_it(shop: Workspace) -> None:
    yank(shop, "base", "1.0", "it loses data")
    shop.run("sync", "--only-group", "dev")
    told = json.loads(shop.run("info", "base", "--json").stdout)
    assert list(told) == ["name", "status", "environment", "installed", "source", "newest", "versions"]
    assert told["status"] == "behind"
    assert told["installed"] == {
        "name": "base",
        "version": "1.0",
        "source": "acme",
        "installer": "pipper",
        "managed": True,
    }
    assert told["newest"]["dependencies"] == ["nums<9", 'loop; sys_platform == "none"']
    assert [each["version"] for each in told["versions"]] == ["3.0", "2.0rc1", "1.1", "1.0"]
    assert [each["yanked_reason"] for each in told["versions"]] == [None, None, None, "it loses data"]
    assert [each["prerelease"] for each in told["versions"]] == [False, True, False, False]
    assert told["versions"][0]["unfit"] == "needs Python >=3.99"


def test_a_name_that_is_held_nowhere_is_exit_3_and_told_where_it_was_looked_for(shop: Workspace) -> None:
    done = shop.run("info", "nothing", code=3)
    assert done.stdout == ""
    assert done.stderr == (
        f"error: no source has a package `nothing`\n  looked in `acme` ({shop.repository.as_uri()})\n"
        "hint: check the spelling, or name another repository with -b\n"
    )


def test_a_name_that_is_held_nowhere_but_installed_is_told_how_to_see(shop: Workspace) -> None:
    packages = place(shop.root / "packages", "nothing", "1.0")
    done = shop.run("info", "nothing", "-t", packages, code=3)
    assert "hint: run `pipper info --local nothing` for the installed 1.0\n" in done.stderr


@pytest.mark.parametrize("name", ["base:1.0", "base>=1", "../base", "", "-"])
def test_what_is_no_name_is_refused(shop: Workspace, name: str) -> None:
    shop.refused("info", "--", name, code=2, subject=f"`{name}` is not a valid package name")


def test_the_first_repository_that_holds_a_name_is_asked(shop: Workspace) -> None:
    other = shop.root / "other"
    shop.run("publish", shop.wheel("base", "7.0"), shop.wheel("rare", "7.0"), "-b", other.as_uri())
    shop.manifest.write_text(
        shop.manifest.read_text().replace("acme =", f"late = '{other.as_uri()}'\nacme =", 1)
    )
    assert facts(shop, "base")["newest"] == "7.0"
    text = shop.manifest.read_text().replace(f"late = '{other.as_uri()}'\n", "")
    shop.manifest.write_text(
        text.replace("[dependency-groups]", f"late = '{other.as_uri()}'\n[dependency-groups]")
    )
    assert facts(shop, "base")["newest"] == "1.1"
    assert facts(shop, "rare")["source"].startswith("late ")


def test_a_repository_may_be_named_outside_a_project(shop: Workspace, tmp_path: Path) -> None:
    done = shop.run("info", "base", "-b", shop.repository.as_uri(), cwd=tmp_path)
    assert "  newest        1.1\n" in done.stdout
    assert f"  source        default ({shop.repository.as_uri()})\n" in done.stdout
    assert "no repository is named" in shop.run("info", "base", cwd=tmp_path, code=2).stderr


def test_an_option_overrules_sources_that_it_does_not_name(shop: Workspace) -> None:
    shop.manifest.write_text(shop.manifest.read_text() + "[sources]\nbase = 'acme'\n")
    assert facts(shop, "base", "-b", shop.repository.as_uri())["newest"] == "1.1"


def test_a_mistyped_prefix_is_not_an_empty_repository(shop: Workspace) -> None:
    shop.refused("info", "base", "-b", (shop.root / "typo").as_uri(), code=2, subject="is not a repository")


def test_local_asks_no_repository_and_needs_none(shop: Workspace, tmp_path: Path) -> None:
    shutil.rmtree(shop.repository)
    packages = place(shop.root / "packages", "base", "1.0", INSTALLER="other-tool\n")
    done = shop.run("info", "--local", "base", "-t", packages)
    assert done.stdout == (
        f"base\n  installed  1.0 (by other-tool)\ninstalled: 1.0 is installed in {packages}\n"
    )
    missing = shop.run("info", "-l", "other", "-t", packages, cwd=tmp_path)
    assert missing.stdout == f"other\nmissing: it is not installed in {packages}\n"
    document = json.loads(shop.run("info", "-l", "other", "-t", packages, "--json").stdout)
    assert (document["status"], document["newest"], document["versions"]) == ("missing", None, [])


@pytest.fixture
def indexed(shop: Workspace) -> Workspace:
    """The shop's project may also ask an index, which has `base` 8.0 and `public` 1.0."""
    simple = shop.root / "simple"
    for name, version in (("base", "8.0"), ("public", "1.0")):
        (simple / name).mkdir(parents=True)
        wheel = make_wheel(simple / name, name, version, requires=["nums"])
        link = f'<a href="{wheel.name}#sha256={sha256(wheel.read_bytes()).hexdigest()}">{wheel.name}</a>'
        (simple / name / "index.html").write_text(f"<!DOCTYPE html><html><body>{link}</body></html>")
    text = shop.manifest.read_text().replace("index = false\n", "")
    shop.manifest.write_text(f"{text}[index]\nurl = '{simple.as_uri()}'\n")
    return shop


def test_the_index_is_asked_for_what_no_repository_holds(indexed: Workspace) -> None:
    told = json.loads(indexed.run("info", "public", "--json").stdout)
    assert (told["source"], told["newest"]["version"]) == ("index", "1.0")
    assert told["newest"]["dependencies"] == ["nums"]
    assert facts(indexed, "base")["newest"] == "1.1"
    assert "looked in `acme` (file:" in indexed.run("info", "nothing", code=3).stderr


def test_an_option_that_names_a_repository_leaves_the_index_out(indexed: Workspace) -> None:
    url = indexed.repository.as_uri()
    assert "index" not in indexed.run("info", "public", "-b", url, code=3).stderr


def test_what_0_11_published_is_told(shop: Workspace) -> None:
    legacy = shop.root / "legacy"
    shutil.copytree(CHECKOUT / "fixtures" / "legacy" / "repository", legacy)
    done = shop.run("info", "Acme_Base", "-b", legacy.as_uri())
    assert "  versions      2.0.0rc1 (pre-release), 1.1.0, 1.0.0\n" in done.stdout
    top = shop.run("info", "acme-top", "-b", legacy.as_uri()).stdout
    assert "acme-base<3" in top
    assert "Acme_Base" in top


def test_the_size_of_a_bundle_is_that_of_the_bundle(empty: Workspace, tmp_path: Path) -> None:
    empty.write_manifest()
    folder = tmp_path / "old" / "foo"
    wheel = empty.wheel("foo", "1.0.0")
    folder.mkdir(parents=True)
    made = write_bundle(wheel, filename=wheel.name, output=tmp_path)
    made.rename(folder / "v1-0-0.pipper")
    told = json.loads(empty.run("info", "foo", "-b", (tmp_path / "old").as_uri(), "--json").stdout)
    assert told["newest"]["size"] == (folder / "v1-0-0.pipper").stat().st_size


def test_a_reason_cannot_change_what_a_terminal_shows(shop: Workspace) -> None:
    yank(shop, "base", "1.0", "bad\x1b[2J\x9b2J")
    assert "1.0 (yanked: bad\\x1b[2J\\x9b2J)" in facts(shop, "base")["versions"]


def test_a_refusal_of_the_bucket_is_not_taken_for_absent(remote: Workspace, double: S3Double) -> None:
    assert "  newest        1.1.0\n" in remote.run("info", "alpha").stdout
    double.script(Rule(operation="GetObject", fault=Answer(status=403, code="AccessDenied"), times=99))
    remote.refused("info", "alpha", code=5, subject=remote.bucket)
    double.forget()
    assert remote.run("info", "alpha", "--local").stdout.splitlines()[-1].startswith("installed: 1.0.0 ")
    assert double.seen == []


def test_nothing_is_changed(shop: Workspace) -> None:
    before = shop.state()
    shop.run("info", "base")
    shop.compare(before)


def test_who_published_it_is_told_and_cannot_touch_the_terminal(empty: Workspace) -> None:
    empty.write_manifest()
    empty.run("publish", empty.wheel("alpha"), "-b", empty.url, "--by", "Ann of acme")
    assert facts(empty, "alpha")["published"].startswith("by Ann of acme with pipper ")
    page = empty.repository / "alpha" / "index.json"
    page.write_text(page.read_text().replace("Ann of acme", "\\u001b[31mAnn\\u009b"))
    assert facts(empty, "alpha")["published"].startswith("by \\x1b[31mAnn\\x9b with pipper ")


def test_a_job_of_ci_is_noted_without_being_asked_for(empty: Workspace) -> None:
    empty.write_manifest()
    job = {"CI_JOB_URL": "https://me:secret@git.example.com/jobs/7"}
    empty.run("publish", empty.wheel("alpha"), "-b", empty.url, env=job)
    told = json.loads(empty.run("info", "alpha", "--json").stdout)["newest"]
    assert told["published"].startswith("by https://****@git.example.com/jobs/7 with pipper ")
    assert told["copied_from"] is None
