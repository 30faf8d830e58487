"""Commands that change a repository, killed at each moment: the same command completes them."""

import itertools
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipper.ops.repository.site import make_site
from pipper.wheels.bundle import write_bundle
from tests.commands import clean_environment, run_here
from tests.killing import kill_at_each_moment
from tests.shelf import Shelf


class Killed:
    """A command on a repository of `shelf`, killed at each moment, each time on a fresh copy of it."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.env = clean_environment(shelf.root)
        if shelf.server:
            self.env |= shelf.server.environment
        self._numbers = itertools.count()
        self.now = shelf

    def fresh(self, *, empty: bool = False) -> Shelf:
        """Return a repository with what `shelf` has, or an empty one."""
        root = self.shelf.root / f"copy-{next(self._numbers)}"
        root.mkdir()
        if self.shelf.server is None:
            self.now = Shelf(root=root)
            if not empty:
                shutil.copytree(self.shelf.root / "repository", root / "repository")
            return self.now
        self.now = Shelf(root=root, server=self.shelf.server, bucket=self.shelf.server.fresh_bucket())
        for key in () if empty else self.shelf.contents():
            source = {"Bucket": self.shelf.bucket, "Key": f"{self.shelf.prefix}/{key}"}
            self.shelf.server.client.copy_object(
                Bucket=self.now.bucket, Key=f"{self.now.prefix}/{key}", CopySource=source
            )
        return self.now

    def run(self, *words: str, code: int | None = 0) -> str:
        """Run a command that nothing kills; return its output."""
        done = run_here(*words, cwd=self.shelf.root, env=self.env)
        assert code is None or done.code == code, (words, done.stdout, done.stderr)
        return done.stdout


@pytest.fixture
def killed(tmp_path: Path) -> Killed:
    """alpha in two versions, beta and gamma, in a directory."""
    return filled(Shelf(root=tmp_path))


def filled(shelf: Shelf) -> Killed:
    shelf.publish(
        shelf.wheel("alpha", "1.0.0", requires=["beta"]),
        shelf.wheel("alpha", "2.0.0", requires=["beta"]),
        shelf.wheel("beta", "1.0.0"),
        shelf.wheel("gamma", "1.0.0"),
    )
    return Killed(shelf)


def test_a_copy_that_is_killed_is_completed_by_the_same_command(killed: Killed) -> None:
    copy_is_completed(killed)


def copy_is_completed(killed: Killed) -> None:
    expected = objects(killed.shelf)

    def words() -> tuple[str, ...]:
        target = killed.fresh(empty=True)
        return ("repository", "copy", "--all", "--from", killed.shelf.url, "--to", target.url)

    def after(moment: int) -> None:
        killed.run("repository", "copy", "--all", "--from", killed.shelf.url, "--to", killed.now.url)
        assert objects(killed.now) == expected, moment
        killed.run("repository", "check", "-b", killed.now.url)

    assert kill_at_each_moment(words, cwd=killed.shelf.root, env=killed.env, after=after) > 10


def objects(shelf: Shelf) -> set[str]:
    """The keys of all objects, without the folder of the directory store itself."""
    return {key for key in shelf.contents() if not key.startswith(".")}


def test_a_prune_that_is_killed_is_completed_by_the_same_command(killed: Killed) -> None:
    prune_is_completed(killed)


def prune_is_completed(killed: Killed) -> None:
    expected = {key for key in objects(killed.shelf) if not ("1.0.0" in key and key.startswith("alpha"))}
    expected -= {"alpha/v1-0-0.pipper"}

    def words() -> tuple[str, ...]:
        return ("repository", "prune", "alpha:1.0.0", "-b", killed.fresh().url)

    def after(moment: int) -> None:
        listed = [f"alpha/{file['url']}" for file in killed.now.page("alpha")["files"]]
        assert set(listed) <= objects(killed.now), moment
        killed.run("repository", "prune", "alpha:1.0.0", "-b", killed.now.url)
        assert objects(killed.now) == expected, moment
        killed.run("repository", "check", "-b", killed.now.url)

    assert kill_at_each_moment(words, cwd=killed.shelf.root, env=killed.env, after=after) > 5


def test_a_first_publish_that_is_killed_and_repaired_is_completed_by_the_same_command(killed: Killed) -> None:
    first_publish_is_completed(killed)


def first_publish_is_completed(killed: Killed) -> None:
    """A repair in between must not make a page without the dependencies that only the bundle states."""
    wheel = killed.shelf.wheel("delta", "1.0.0")
    needs = {"dependencies": ["beta"]}
    bundle = str(write_bundle(wheel, filename=wheel.name, output=killed.shelf.root, manifest=needs))

    def words() -> tuple[str, ...]:
        return ("publish", bundle, "--by", "Ann", "-b", killed.fresh(empty=True).url)

    def entry() -> Any:
        (found,) = killed.now.page("delta")["files"]
        return {**found, "upload-time": ""}

    def after(moment: int) -> None:
        killed.run("repository", "repair", "-b", killed.now.url, code=None)
        killed.run("publish", bundle, "--by", "Ann", "-b", killed.now.url)
        assert entry() == expected, moment
        killed.run("repository", "check", "-b", killed.now.url)

    killed.run(*words())
    expected = entry()
    assert expected["_pipper"]["dependencies"] == ["beta"]
    assert kill_at_each_moment(words, cwd=killed.shelf.root, env=killed.env, after=after) > 5


def test_a_site_is_mended_after_its_publisher_was_killed(killed: Killed) -> None:
    site_is_mended(killed)


def site_is_mended(killed: Killed) -> None:
    """The new version changes the pages of alpha, beta and gamma, the list of projects, and the root page."""
    make_site(killed.shelf.settings)
    wheel = str(killed.shelf.wheel("alpha", "3.0.0", requires=["gamma"]))
    told = 0

    def words() -> tuple[str, ...]:
        return ("publish", wheel, "-b", killed.fresh().url)

    def after(moment: int) -> None:
        nonlocal told
        wrong = killed.run("repository", "check", "-b", killed.now.url, code=None)
        stale = killed.run("repository", "site", "--dry-run", "-b", killed.now.url).split()[2::3]
        assert all(f"outdated site: {key}" in wrong or key in wrong for key in stale), (moment, wrong)
        told += bool(stale)
        if moment % 2:
            killed.run("repository", "site", "-b", killed.now.url)
            assert "outdated site" not in killed.run("repository", "check", "-b", killed.now.url, code=None)
        killed.run("publish", wheel, "-b", killed.now.url)
        killed.run("repository", "check", "-b", killed.now.url)
        assert "3.0.0" in killed.now.body("alpha/index.html").decode()
        assert "alpha" in killed.now.body("gamma/index.html").decode()

    kill_at_each_moment(words, cwd=killed.shelf.root, env=killed.env, after=after)
    assert told >= 4
