"""Hostile wheels on their ways in: by `publish`, and by `lock` and `sync` from a repository that holds one.

All of them claim to be `NAME`. The arena is one project for many cases: each must leave it as it was.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands import Completed
from tests.invariants import Tree, Workspace, tree
from tests.wheelhouse import record_lines, record_of, wheel_members
from tests.zipcraft import DEFLATED, UTF8, Member, craft

NAME = "epsilon-1.0.0-py3-none-any.whl"
INFO = "epsilon-1.0.0.dist-info"
DATA = "epsilon-1.0.0.data"


def parts(
    *extra: Member, more: Mapping[str, bytes] | None = None, record: bytes | None = None
) -> list[Member]:
    """The members of a good wheel, then `more` and `extra`, then RECORD, which lists all of them."""
    members = {**wheel_members("epsilon", "1.0.0"), **(more or {})}
    if record is None:
        lines = record_lines(members)
        named = {each.name.decode("utf-8", "backslashreplace"): each.data for each in extra}
        added = [line for line in record_lines({**members, **named}) if line not in lines]
        record = record_of([*lines[:-1], *added, lines[-1]])
    plain = [member(path, body) for path, body in members.items()]
    return [*plain, *extra, member(f"{INFO}/RECORD", record)]


def member(name: str, body: bytes = b"hostile\n", *, mode: int = 0o100644) -> Member:
    """One deflated member."""
    flags = 0 if name.isascii() else UTF8
    return Member(
        name=name.encode(), data=body, method=DEFLATED, flags=flags, central={"attributes": mode << 16}
    )


def wheel_with(more: Mapping[str, bytes] | None = None, **changed: bytes) -> bytes:
    """A good wheel with more members, or with files of its `.dist-info` (`METADATA=`, `WHEEL=`) changed."""
    files = {f"{INFO}/{name.replace('_txt', '.txt')}": body for name, body in changed.items()}
    return craft(parts(more={**(more or {}), **files}))


def info_file(name: str) -> bytes:
    """What a file of `.dist-info` says in a good wheel."""
    return wheel_members("epsilon", "1.0.0")[f"{INFO}/{name}"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Arena:
    """A project that asks for `epsilon`, whose environment is without it yet, among files that must not change."""

    workspace: Workspace
    around: Tree = field(default_factory=dict)
    """What stands beside the workspace."""

    @property
    def base(self) -> Path:
        """The folder of the workspace, and of what stands beside it."""
        return self.workspace.root.parent

    def refuses(self, body: bytes, *told: str, hint: str = "") -> None:
        """A wheel of these bytes is exit 4 by `publish` and by `sync`, and both say what is `told`."""
        for done in (self.publish_refused(body), self.sync_refused(body)):
            for text in told:
                assert text in done.stderr, done.stderr
            assert hint in done.stderr, done.stderr

    def publish_refused(self, body: bytes, filename: str = NAME) -> Completed:
        """The gate stands before the repository."""
        wheel = self.base / "w" / "bad" / filename
        wheel.parent.mkdir(exist_ok=True)
        wheel.write_bytes(body)
        try:
            with self.unchanged():
                return self.workspace.refused(
                    "publish", wheel, "-b", self.workspace.url, code=4, subject=filename
                )
        finally:
            shutil.rmtree(wheel.parent)

    def sync_refused(self, body: bytes, filename: str = NAME) -> Completed:
        """`lock` reads pages and no wheel, and changes nothing but the lock; the gate stands before `sync`."""
        with self.planted(body, filename), self.unchanged():
            self.locked()
            return self.workspace.refused("sync", code=4, subject=filename)

    def locked(self) -> Completed:
        """Lock; nothing else changes."""
        before = self.workspace.state()
        done = self.workspace.run("lock")
        self.workspace.compare(before, but="L")
        return done

    @contextmanager
    def planted(self, body: bytes, filename: str = NAME, **needs: list[str]) -> Iterator[None]:
        """Have a wheel in the repository that passed no gate: its hash, key and page agree with one another.

        `needs` is what the page says in the place of METADATA. Repository, lock and cache are reset behind it.
        """
        page = self.workspace.repository / "epsilon" / "index.json"
        good, lock = page.read_bytes(), self.workspace.lock.read_bytes()
        target = plant(page, body, filename, needs)
        try:
            yield
        finally:
            page.write_bytes(good)
            shutil.rmtree(target.parent)
            self.workspace.lock.write_bytes(lock)
            for part in ("files", "wheels"):
                shutil.rmtree(self.workspace.root / "cache" / part, ignore_errors=True)

    @contextmanager
    def unchanged(self) -> Iterator[None]:
        """What stands beside the workspace, and the interpreter of the environment, stay what they are."""
        python = (self.workspace.venv / "bin" / "python").stat().st_ino
        yield
        assert self.beside() == self.around
        assert (self.workspace.venv / "bin" / "python").stat().st_ino == python

    def beside(self) -> Tree:
        """What stands beside the workspace now."""
        return tree(self.base, without=(self.workspace.root.name,))


def plant(page: Path, body: bytes, filename: str, needs: Mapping[str, list[str]]) -> Path:
    """Write a wheel below its hash, and have the page's one entry name it; return where it lies."""
    document = json.loads(page.read_text())
    (entry,) = document["files"]
    digest = hashlib.sha256(body).hexdigest()
    entry["filename"], entry["url"] = filename, f"{digest[:16]}/{filename}"
    entry["hashes"]["sha256"], entry["size"] = digest, len(body)
    entry["_pipper"] |= {key.replace("_", "-"): value for key, value in needs.items()}
    target = page.parent / entry["url"]
    target.parent.mkdir()
    target.write_bytes(body)
    page.write_text(json.dumps(document))
    return target


def make_arena(template: Workspace, base: Path) -> Arena:
    """An arena in the new folder `base`, from a project that is locked and synced."""
    workspace = template.copy(base / "w")
    workspace.publish(workspace.wheel("epsilon"))
    workspace.write_manifest("alpha", "epsilon", more="[dependency-groups]\ndev = ['delta']\n")
    for folder in (base, workspace.root, workspace.app, workspace.venv):
        (folder / "canary.txt").write_text("sings\n")
    (base / "link").symlink_to("canary.txt")
    arena = Arena(workspace=workspace)
    return Arena(workspace=workspace, around=arena.beside())
