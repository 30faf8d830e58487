"""A solve that is remembered: its lock is taken if nothing changed, and is never another one than a new solve makes.

Each test changes one thing that a lock follows from, and holds what `lock` then does against a solve with an empty
cache: exit code, lock and messages.
"""

import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pipper.core.manifest.unread_sources import FILES
from pipper.ops.context.project import load_project
from pipper.ops.context.project_files import likely_project
from pipper.ops.lock import foreign_pins, lock_stamp, make_lock, memo
from pipper.ops.lock.memorable import is_memorable
from pipper.ops.lock.options import BARE
from pipper.ops.lock.remembered import relocked
from pipper.system import seals
from pipper.system.digest import digest
from tests.chance_graphs import ChanceGraph, make_graph
from tests.cli.conftest import canary_server
from tests.commands import Completed
from tests.index_double import Fault, IndexDouble, Style
from tests.invariants import Workspace
from tests.s3_double import Answer, LostAnswer, Rule, S3Double


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)


@pytest.fixture
def solves(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry for each solve."""
    seen: list[int] = []
    solve = make_lock.make_lock

    def counted(*args: object, **options: object) -> object:
        seen.append(1)
        return solve(*args, **options)  # type: ignore[arg-type]  # the same arguments

    monkeypatch.setattr(make_lock, "make_lock", counted)
    return seen


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A project with sources: `alpha` and `beta` in a repository, `public` and `helper` in an index."""

    workspace: Workspace
    index: IndexDouble
    solves: list[int]

    def lock(self, *args: str | Path, code: int = 0) -> Completed:
        return self.workspace.run("lock", *args, code=code)

    def forget(self) -> None:
        """Remove the lock."""
        self.workspace.lock.unlink(missing_ok=True)

    def is_remembered(self, *args: str) -> bool:
        """Whether `lock` solves nothing now."""
        before, start = len(self.solves), _bytes(self.workspace.lock)
        quick = self.quickly() if not args else None
        quickly_locked = _bytes(self.workspace.lock)
        self._restore(start)
        done = self.as_anew(*args)
        remembered = len(self.solves) == before + 1  # that of the empty cache
        if quick is not None:
            assert (quick, quickly_locked) == (done.stderr, _bytes(self.workspace.lock))
        assert args or done.code or remembered == (quick is not None)
        return remembered

    def quickly(self) -> str | None:
        """What a bare `lock` in a process of its own says at once, None if it is not sure."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.workspace.app)
            for name in (*os.environ,):
                patch.delenv(name)
            for name, value in self.workspace.environment.items():
                patch.setenv(name, value)
            messages = relocked(likely_project("."))
        if messages is None:
            return None
        return "".join(
            f"{'warning: ' if each.kind == memo.WARNING else ''}{each.text}\n" for each in messages
        )

    def _restore(self, lock: bytes | None) -> None:
        self.forget()
        if lock is not None:
            self.workspace.lock.write_bytes(lock)

    def as_anew(self, *args: str) -> Completed:
        """Lock, and with an empty cache again from the same start: all that can be seen must be the same."""
        start = _bytes(self.workspace.lock)
        done, lock = self._tried(*args), _bytes(self.workspace.lock)
        self._restore(start)
        empty = self.workspace.root / "another cache"
        shutil.rmtree(empty, ignore_errors=True)
        anew = self._tried(*args, env={"PIPPER_CACHE_DIR": str(empty)})
        assert _bytes(self.workspace.lock) == lock
        assert (done.code, done.stdout, done.stderr) == (anew.code, anew.stdout, anew.stderr)
        return done

    def _tried(self, *args: str, env: dict[str, str] | None = None) -> Completed:
        from tests.commands import run_here

        workspace = self.workspace
        return run_here("lock", *args, cwd=workspace.app, env={**workspace.environment, **(env or {})})

    def edit(self, old: str, new: str) -> None:
        text = self.workspace.manifest.read_text()
        assert old in text
        self.workspace.manifest.write_text(text.replace(old, new))

    @property
    def memos(self) -> list[Path]:
        return [path for path in (self.workspace.root / "cache" / "memos").rglob("*") if path.is_file()]


def _bytes(path: Path) -> bytes | None:
    return path.read_bytes() if path.exists() else None


@pytest.fixture
def server() -> Iterator[S3Double]:
    with canary_server() as double:
        yield double


@pytest.fixture(params=["directory", "bucket"])
def scene(
    request: pytest.FixtureRequest, empty: Workspace, server: S3Double, solves: list[int]
) -> Iterator[Scene]:
    workspace = empty
    if request.param == "bucket":
        workspace = replace(empty, server=server, bucket=server.endpoint.fresh_bucket())
    with IndexDouble() as index:
        yield filled(Scene(workspace=workspace, index=index, solves=solves))


def filled(scene: Scene) -> Scene:
    """Publish, and lock once."""
    workspace = scene.workspace
    workspace.publish(
        workspace.wheel("alpha", "1.0.0", requires=["beta", "public"]),
        workspace.wheel("alpha", "1.1.0", requires=["beta", "public"], extras={"fast": ["helper"]}),
        workspace.wheel("beta", "1.0.0"),
    )
    for version in ("1.0", "2.0"):
        scene.index.add(workspace.wheel("public", version, requires=["helper"] if version == "2.0" else []))
    scene.index.add(workspace.wheel("helper"))
    workspace.app.mkdir(parents=True, exist_ok=True)
    workspace.manifest.write_text(
        f"dependencies = ['alpha']\n\n[dependency-groups]\ndev = ['helper']\n\n"
        f"[repositories]\nacme = '{workspace.url}'\n\n[index]\nurl = '{scene.index.url}'\n"
    )
    scene.lock()
    scene.forget()
    return scene


def test_a_lock_that_was_removed_is_taken_from_the_memo_and_no_page_is_sent(scene: Scene) -> None:
    assert scene.is_remembered()
    scene.forget()
    scene.index.seen.clear()
    if server := scene.workspace.server:
        server.forget()
    done = scene.lock("-v")
    assert "reusing a remembered lock" in done.stderr
    assert {each.status for each in scene.index.seen} == {304}
    if server:
        conditional = [each for each in server.seen if "if-none-match" in each.headers]
        assert len(conditional) == server.count("GetObject") == 3
        assert server.count("ListObjectsV2") == 1
    assert "Locked" in done.stderr


def test_a_process_of_its_own_does_the_same(scene: Scene) -> None:
    slow = scene.lock()
    locked = scene.workspace.lock.read_bytes()
    for option in ((), ("-q",)):
        scene.forget()
        quick = scene.workspace.process("lock", *option)
        assert scene.workspace.lock.read_bytes() == locked
        assert (quick.stdout, quick.stderr) == ("", "" if option else slow.stderr)


def test_the_memo_is_of_one_start_a_restored_manifest_and_an_upgrade_have_their_own(scene: Scene) -> None:
    scene.lock()
    scene.edit("'alpha'", "'alpha<1.1'")
    assert not scene.is_remembered()
    scene.edit("'alpha<1.1'", "'alpha'")
    scene.forget()
    assert scene.is_remembered()
    assert not scene.is_remembered("-U")
    assert scene.is_remembered("-U")


def test_a_dry_run_and_json_say_the_same_as_with_a_solve(scene: Scene) -> None:
    assert scene.is_remembered("--dry-run")
    assert "Would lock" in scene.lock("--dry-run").stderr
    assert json.loads(scene.as_anew("--json").stdout)["written"]


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("['alpha']", "['alpha<1.1']"),
        ("['alpha']", "['alpha[fast]']"),
        ("['alpha']", "['alpha', 'nothing']"),
        ("['helper']", "['public<2']"),
        ("[index]", "[sources]\npublic = 'acme'\n[index]"),
        ("[index]", "[sources]\nbeta = 'index'\n[index]"),
        ("dependencies", "private = ['public']\ndependencies"),
        ("dependencies", "requires-python = '>=3.9'\ndependencies"),
        ("dependencies", "constraints = ['public<2']\ndependencies"),
        ("dependencies", "overrides = ['public==1.0']\ndependencies"),
        ("dependencies", "exclude = ['beta']\ndependencies"),
        ("dependencies", "prereleases = true\ndependencies"),
        ("dependencies", "as-of = '2020-01-01'\ndependencies"),
        ("dependencies", "dependencies = []\nold"),
        ("[index]", "[[environments]]\npython = '3.12'\nplatform = 'linux-x86_64'\n[index]"),
        ("[index]", "[build]\nallow = true\n[index]"),
        ("[dependency-groups]", "# a comment\n[dependency-groups]"),
    ],
)
def test_another_manifest_is_solved(scene: Scene, old: str, new: str) -> None:
    scene.edit(old, new)
    assert not scene.is_remembered()


def publish_more(scene: Scene) -> None:
    scene.workspace.publish(scene.workspace.wheel("beta", "2.0.0"))


def publish_another(scene: Scene) -> None:
    scene.workspace.publish(scene.workspace.wheel("helper", "9.0"))


def publish_unrelated(scene: Scene) -> None:
    scene.workspace.publish(scene.workspace.wheel("unrelated"))


def yank(scene: Scene) -> None:
    scene.workspace.run("yank", "alpha:1.1.0", "--reason", "broken", "-b", scene.workspace.url)


def list_more(scene: Scene) -> None:
    scene.index.add(scene.workspace.wheel("public", "3.0"))


def yank_in_index(scene: Scene) -> None:
    scene.index.add(scene.workspace.wheel("public", "2.0", requires=["helper"]), yanked="broken")


def lose_from_index(scene: Scene) -> None:
    scene.index._files.pop("helper")


def spoil_page(scene: Scene) -> None:
    if server := scene.workspace.server:
        server._buckets[scene.workspace.bucket]["pipper/beta/index.json"] = replace(
            server._buckets[scene.workspace.bucket]["pipper/beta/index.json"], body=b"{", etag="0" * 32
        )
    else:
        (scene.workspace.repository / "beta" / "index.json").write_bytes(b"{")


def lose_page(scene: Scene) -> None:
    if server := scene.workspace.server:
        server.lose(scene.workspace.bucket, "pipper/beta/index.json")
    else:
        (scene.workspace.repository / "beta" / "index.json").unlink()


def lose_repository(scene: Scene) -> None:
    if server := scene.workspace.server:
        for key in server.contents(scene.workspace.bucket):
            server.lose(scene.workspace.bucket, key)
    else:
        scene.workspace.repository.rename(scene.workspace.root / "away")


def refuse_index(scene: Scene) -> None:
    scene.index.script(Fault(path="/simple/public/", status=403, times=float("inf")))


def break_index(scene: Scene) -> None:
    scene.index.script(Fault(path="/simple/*", status=500, times=float("inf")))


CHANGES = (
    *(publish_more, publish_another, publish_unrelated, yank, list_more, yank_in_index, lose_from_index),
    *(spoil_page, lose_page, lose_repository, refuse_index, break_index),
)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_source_that_answers_otherwise_makes_it_solve(
    scene: Scene, change: Callable[[Scene], None]
) -> None:
    change(scene)
    assert not scene.is_remembered()


@pytest.mark.parametrize("scene", ["bucket"], indirect=True)
@pytest.mark.parametrize(
    "fault",
    [Answer(status=403, code="AccessDenied"), Answer(status=500, code="InternalError"), LostAnswer()],
    ids=str,
)
@pytest.mark.parametrize("operation", ["GetObject", "ListObjectsV2"])
def test_a_bucket_that_refuses_or_is_down_fails_as_in_a_solve(
    scene: Scene, fault: Answer | LostAnswer, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)
    assert scene.workspace.server
    scene.workspace.server.script(Rule(operation=operation, fault=fault, times=float("inf")))
    done = scene.as_anew()
    assert done.code in (5, 6)


@pytest.mark.parametrize("scene", ["bucket"], indirect=True)
def test_another_server_with_the_same_bucket_is_solved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = scene.workspace
    assert workspace.server
    with canary_server() as other:
        other.adopt(workspace.server)
        moved = replace(scene, workspace=replace(workspace, server=other))
        assert not moved.is_remembered()
        moved.forget()
        assert moved.is_remembered()


def test_another_index_in_a_variable_is_solved(scene: Scene) -> None:
    scene.edit(f"[index]\nurl = '{scene.index.url}'\n", "")
    with IndexDouble() as other:
        for version in ("1.0", "1.5"):
            other.add(scene.workspace.wheel("public", version))
        other.add(scene.workspace.wheel("helper"))
        for name in ("PIPPER_INDEX_URL", "PIP_INDEX_URL"):
            for url in (scene.index.url, other.url, scene.index.url):
                with pytest.MonkeyPatch.context() as patch:
                    patch.setattr(Workspace, "environment", property(with_variable(name, url)))
                    scene.forget()
                    scene.as_anew()
                assert scene.workspace.locked()["public"] == ("1.5" if url == other.url else "2.0")


def with_variable(name: str, value: str) -> Callable[[Workspace], dict[str, str]]:
    made = Workspace.environment.fget  # type: ignore[attr-defined]  # it is a property
    return lambda workspace: {**made(workspace), name: value}


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
@pytest.mark.parametrize(
    "options",
    [
        ("-U",),
        ("--as-of", "2020-01-01"),
        ("--resolution", "lowest-direct"),
        ("-b", "file:../elsewhere"),
        ("--limit", "members=1000"),
        ("--python", "3"),
    ],
    ids=" ".join,
)
def test_options_have_memos_of_their_own(scene: Scene, options: tuple[str, ...]) -> None:
    assert not scene.is_remembered(*options)


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
def test_without_requests_a_solve_tells_what_is_missing(scene: Scene) -> None:
    before = len(scene.solves)
    scene.lock("--offline")
    assert len(scene.solves) == before + 1


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
@pytest.mark.parametrize("name", memo.BESIDE)
def test_a_file_of_another_tool_beside_the_manifest_makes_it_solve(scene: Scene, name: str) -> None:
    (scene.workspace.app / name).write_text("\n")
    assert not scene.is_remembered()


def test_the_files_of_other_tools_are_all_looked_at() -> None:
    assert {*FILES, *foreign_pins._LOCKS} <= {*memo.BESIDE}


def test_the_python_and_its_file_count(scene: Scene) -> None:
    version = scene.workspace.app / ".python-version"
    version.write_text("3\n")
    assert not scene.is_remembered()
    version.unlink()
    scene.forget()
    assert scene.is_remembered()
    scene.workspace.run("sync")
    scene.forget()
    assert not scene.is_remembered()


@pytest.mark.parametrize("what", ["__version__", "_FORMAT"])
def test_another_pipper_solves(scene: Scene, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_stamp, what, "0")
    assert not scene.is_remembered()


def test_another_installation_of_what_pipper_runs_on_solves(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memo, "_installation", lambda: "later")
    assert not scene.is_remembered()


def test_a_package_that_is_put_beside_what_pipper_runs_on_is_another_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = memo._installation()
    assert memo._installation() == before
    (tmp_path / "packaging").mkdir()
    assert memo._installation() != before


def test_an_edited_module_of_a_checkout_is_another_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "pipper" / "solve" / "provider.py"
    module.parent.mkdir(parents=True)
    module.write_text("")
    monkeypatch.setattr(memo.pipper, "__file__", str(tmp_path / "pipper" / "__init__.py"))
    before = memo._installation()
    os.utime(module, (1, 1))
    assert memo._installation() != before


def test_named_repositories_of_the_user_count(scene: Scene) -> None:
    folder = Path(scene.workspace.environment["HOME"]) / ".pipper"
    (folder / "repositories.json").write_text('{"repositories": {}, "default": ""}')
    (folder / "repositories.json").chmod(0o600)
    assert not scene.is_remembered()


def test_a_copy_of_the_project_elsewhere_solves(scene: Scene) -> None:
    other = scene.workspace.root / "copy"
    shutil.copytree(scene.workspace.app, other)
    before = len(scene.solves)
    scene.workspace.run("lock", cwd=other)
    assert len(scene.solves) == before + 1


def test_the_old_lock_counts_by_its_bytes(scene: Scene) -> None:
    scene.edit("['alpha']", "['alpha==1.0.0']")
    scene.lock()
    scene.edit("['alpha==1.0.0']", "['alpha']")
    assert not scene.is_remembered()
    assert scene.workspace.locked()["alpha"] == "1.0.0"
    scene.forget()
    assert scene.is_remembered()
    assert scene.workspace.locked()["alpha"] == "1.1.0"


def test_a_memo_that_is_cut_off_or_forged_is_void(scene: Scene) -> None:
    (path,) = scene.memos
    whole = path.read_bytes()
    text = whole.partition(b"\n")[2]
    chance = random.Random(1)
    cuts = [0, 10, 64, 65, *(chance.randrange(len(whole)) for _ in range(3)), len(whole) - 1]
    evil = text.replace(b"sha256 = ", b"sha256 = 'evil' #")
    forged = [
        whole.replace(b"1.1.0", b"1.0.0"),
        whole + b"\n",
        text,
        b"\n" + text,
        digest(f"memos {path.name}".encode(), evil, key=b"0" * 64).encode() + b"\n" + evil,
        seals._seal(seals.seal_key(), "memos of another", evil) + b"\n" + evil,
    ]
    for other in (*(whole[:cut] for cut in cuts), *forged):
        path.write_bytes(other)
        assert scene.quickly() is None
        before = len(scene.solves)
        scene.lock()
        assert len(scene.solves) == before + 1
        scene.forget()
        assert path.read_bytes() != other, "it is written anew"
    assert scene.is_remembered()
    scene.forget()
    path.unlink()
    path.symlink_to(scene.workspace.manifest)
    assert not scene.is_remembered()


def test_without_a_key_nothing_is_remembered(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "seal_key", lambda: b"")
    assert not scene.is_remembered()
    scene.forget()
    assert not scene.is_remembered()


@pytest.mark.parametrize("part", ["index", "memos", "interpreters", "stamps"])
def test_a_cache_that_was_cleaned_halfway_gives_the_same_lock(scene: Scene, part: str) -> None:
    shutil.rmtree(scene.workspace.root / "cache" / part)
    assert scene.is_remembered() == (part in ("interpreters", "stamps"))


def test_the_cache_is_cleaned_of_memos_first_and_pruned_of_old_ones(scene: Scene) -> None:
    (path,) = scene.memos
    os.utime(path, (1, 1))
    assert scene.is_remembered()
    assert path.stat().st_mtime > 1, "it was used"
    os.utime(path, (1, 1))
    scene.workspace.run("cache", "prune")
    assert scene.memos == []
    scene.forget()
    scene.lock()
    assert scene.memos
    scene.workspace.run("cache", "clean")
    assert not (scene.workspace.root / "cache" / "memos").exists()


def test_no_memo_has_a_secret(scene: Scene) -> None:
    assert scene.memos
    scene.workspace.check_secrets(scene.lock())


def test_a_page_that_is_fresh_is_not_asked_for(scene: Scene) -> None:
    scene.index.style = Style(cache_control="max-age=600")
    shutil.rmtree(scene.workspace.root / "cache")
    scene.lock()
    scene.forget()
    scene.index.seen.clear()
    before = len(scene.solves)
    scene.lock()
    assert len(scene.solves) == before
    assert scene.index.seen == []


def test_an_index_without_etags_is_asked_for_its_pages(scene: Scene) -> None:
    scene.index.style = Style(etags=False)
    shutil.rmtree(scene.workspace.root / "cache")
    scene.lock()
    scene.forget()
    assert scene.is_remembered()
    list_more(scene)
    scene.forget()
    assert not scene.is_remembered()


@pytest.mark.parametrize(
    "style",
    [Style(hashes=False), Style(sizes=False), Style(json=False)],
    ids=["no hashes", "no sizes", "HTML"],
)
def test_a_lock_that_needs_more_than_pages_is_not_remembered(scene: Scene, style: Style) -> None:
    scene.index.style = style
    shutil.rmtree(scene.workspace.root / "cache")
    scene.forget()
    scene.lock()
    assert scene.memos == []


def test_where_builds_are_allowed_nothing_is_remembered(scene: Scene) -> None:
    shutil.rmtree(scene.workspace.root / "cache")
    scene.edit("[index]", "[build]\nallow = ['nothing']\n[index]")
    scene.lock()
    assert scene.memos == []


_LAB = "[build-system]\nrequires = []\nbuild-backend = 'x'\n[project]\nname = '{}'\nversion = '1'\n"


def with_member(scene: Scene) -> Path:
    """Make `libs/lab` a member of the workspace, lock with it, and return its folder."""
    lab = scene.workspace.app / "libs" / "lab"
    lab.mkdir(parents=True)
    (lab / "pyproject.toml").write_text(_LAB.format("lab"))
    scene.edit("[index]", "[workspace]\nmembers = ['libs/*']\n[index]")
    scene.lock()
    scene.forget()
    return lab


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
def test_a_lock_with_members_is_remembered_and_their_modules_do_not_count(scene: Scene) -> None:
    lab = with_member(scene)
    assert scene.is_remembered()
    scene.forget()
    (lab / "lab.py").write_text("VALUE = 2\n")
    assert scene.is_remembered()
    assert "lab" in scene.workspace.locked()


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
@pytest.mark.parametrize(
    "change",
    ["requirement", "setup.py", "uv.toml", "second manifest", "another member", "removed", "link out"],
)
def test_a_member_that_changed_makes_it_solve(scene: Scene, change: str) -> None:
    lab = with_member(scene)
    stated = lab / "pyproject.toml"
    if change == "requirement":
        stated.write_text(stated.read_text() + "dependencies = ['helper']\n")
    elif change == "setup.py":
        (lab / "setup.py").write_text("")
    elif change == "uv.toml":
        (lab / "uv.toml").write_text("[[index]]\nurl = 'https://corp.example.com/simple/'\n")
    elif change == "second manifest":
        (lab / "pipper.toml").write_text("dependencies = ['helper']\n")
    elif change == "another member":
        other = lab.parent / "other"
        other.mkdir()
        (other / "pyproject.toml").write_text(_LAB.format("other") + "dependencies = ['helper']\n")
    elif change == "removed":
        shutil.rmtree(lab)
    else:
        lab.rename(scene.workspace.root / "elsewhere")
        lab.symlink_to(scene.workspace.root / "elsewhere")
    assert not scene.is_remembered()


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
def test_a_member_that_changes_during_a_solve_is_not_remembered_as_it_was(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab = with_member(scene)
    stated, solve = lab / "pyproject.toml", make_lock.make_lock
    before = stated.read_text()

    def meddled(*args: object, **options: object) -> object:
        stated.write_text(before + "dependencies = ['helper']\n")
        return solve(*args, **options)  # type: ignore[arg-type]  # the same arguments

    shutil.rmtree(scene.workspace.root / "cache")
    monkeypatch.setattr(make_lock, "make_lock", meddled)
    scene.lock()
    assert scene.memos == []
    monkeypatch.undo()
    scene.workspace.run("lock", "--check", code=1)
    assert scene.quickly() is None


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
def test_a_file_that_appears_beside_the_manifest_during_a_solve_is_not_remembered_as_it_was(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    solve = make_lock.make_lock

    def meddled(*args: object, **options: object) -> object:
        (scene.workspace.app / "uv.toml").write_text("")
        return solve(*args, **options)  # type: ignore[arg-type]  # the same arguments

    shutil.rmtree(scene.workspace.root / "cache")
    monkeypatch.setattr(make_lock, "make_lock", meddled)
    scene.lock()
    assert scene.memos == []


@pytest.mark.parametrize("scene", ["bucket"], indirect=True)
def test_a_folder_with_the_name_of_the_bucket_is_warned_of_each_time(scene: Scene) -> None:
    url = scene.workspace.url
    options = ("-b", scene.workspace.bucket, "--prefix", url.rpartition("/")[2])
    scene.lock(*options)
    scene.forget()
    (scene.workspace.app / scene.workspace.bucket).mkdir()
    assert "for the directory of that name" in scene.as_anew(*options).stderr


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
def test_where_a_backend_computes_what_a_member_is_nothing_is_remembered(scene: Scene) -> None:
    lab = with_member(scene)
    assert is_memorable(load_project(scene.workspace.app), BARE)
    text = _LAB.format("lab").replace("version = '1'", "dynamic = ['version']")
    (lab / "pyproject.toml").write_text(text)
    assert not is_memorable(load_project(scene.workspace.app), BARE)


@pytest.mark.parametrize("scene", ["directory"], indirect=True)
@pytest.mark.parametrize("key", ["cool-down = '7 days'", "as-of = '2030-01-01'"])
def test_where_the_time_counts_nothing_is_remembered(scene: Scene, key: str) -> None:
    assert is_memorable(load_project(scene.workspace.app), BARE)
    scene.edit("dependencies = ", f"{key}\ndependencies = ")
    assert not is_memorable(load_project(scene.workspace.app), BARE)


def test_warnings_of_a_solve_are_said_again(scene: Scene) -> None:
    scene.workspace.run("yank", "alpha", "--reason", "old", "-b", scene.workspace.url, code=2)
    for version in ("1.0.0", "1.1.0"):
        scene.workspace.run("yank", f"alpha:{version}", "--reason", "broken", "-b", scene.workspace.url)
    scene.edit("['alpha']", "['alpha==1.1.0']")
    assert not scene.is_remembered()
    scene.forget()
    assert scene.is_remembered()
    scene.forget()
    assert "alpha 1.1.0 is yanked: broken" in scene.lock("-q").stderr


@pytest.mark.parametrize("seed", range(int(os.environ.get("PIPPER_MEMO_GRAPHS", "4"))))
@pytest.mark.parametrize("scene", ["directory"], indirect=True)
def test_a_lock_of_a_graph_by_chance_is_what_a_new_solve_makes(scene: Scene, seed: int) -> None:
    chance = random.Random(seed)
    graph = make_graph(chance)
    workspace = scene.workspace
    shutil.rmtree(workspace.root / "wheels")
    shutil.rmtree(workspace.repository)
    scene.index._files.clear()
    steps = _steps(scene, graph, chance)
    for step in steps:
        step()
    _ask(scene, graph)
    scene.forget()
    scene.as_anew()
    for _ in range(3):
        scene.forget()
        scene.as_anew()
        chance.choice(steps)()
        for name in list("abcde")[: chance.randint(0, 2)]:
            scene.index.add(workspace.wheel(name, chance.choice(("4.0", "0.5")), requires=["b<9"]))
        scene.as_anew(*chance.choice(((), ("-U",))))


def _ask(scene: Scene, graph: ChanceGraph) -> None:
    groups = {name: list(texts) for name, texts in graph.groups.items()}
    scene.workspace.manifest.write_text(
        f"dependencies = {json.dumps(list(graph.roots))}\nconstraints = {json.dumps(list(graph.constraints))}\n"
        "[dependency-groups]\n"
        + "".join(f"{name} = {json.dumps(texts)}\n" for name, texts in groups.items())
        + f"[repositories]\nacme = '{scene.workspace.url}'\n[index]\nurl = '{scene.index.url}'\n"
    )


def _steps(scene: Scene, graph: ChanceGraph, chance: random.Random) -> list[Callable[[], None]]:
    """What makes the graph, and may be done again with other content."""

    def put(name: str, version: str) -> None:
        content = (graph.private.get(name) or graph.public[name])[version]
        extras = {extra: ["a"] if chance.randint(0, 1) else [] for extra in content["extras"]}
        requires = [each for each in content["requires"] if chance.randint(0, 4)]
        wheel = scene.workspace.wheel(name, version, requires=requires, extras=extras)
        if name in graph.private:
            scene.workspace.run("publish", wheel, "-f", "-b", scene.workspace.url)
        else:
            scene.index.add(wheel, yanked=content.get("yanked", False))

    everything = {**graph.public, **graph.private}
    scene.workspace.publish(scene.workspace.wheel("anchor"))
    return [
        lambda name=name, version=version: put(name, version)  # type: ignore[misc]  # bound here
        for name, releases in everything.items()
        for version in releases
    ]
