"""A clone is hostile until shown otherwise: its links, journals, owners, environments and programs."""

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipper.apply.installer import Staged
from pipper.apply.journal import UNSETTLED, Document, Journal, Outgoing, write_journal
from pipper.apply.pending import JOURNAL
from pipper.apply.stamp import boot_id
from pipper.system.trust import TRUSTED_FOLDERS
from tests.canaries.before import to_build
from tests.invariants import CANARIES, Tree, Workspace, tree

CHECKOUT = Path(__file__).resolve().parents[2]
STRANGER = 12345
SECRET = "index-canary-5b1c"

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files to another user"
)


@pytest.fixture
def outside(workspace: Workspace) -> Path:
    """A folder beside the project, with a file in it."""
    folder = workspace.root / "outside"
    folder.mkdir()
    (folder / "canary").write_text("the canary sings\n")
    return folder


def lead_away(path: Path, outside: Path) -> Tree:
    """Move the folder at `path` to the outside, put a link in its place, and return what is there."""
    if path.exists():
        path.rename(outside / "moved")
    (outside / "moved").mkdir(exist_ok=True)
    path.symlink_to(outside / "moved")
    return tree(outside)


@pytest.mark.parametrize(
    "name", [".pipper.lock.new", ".pipper.toml.new", ".venv/.pipper/stamp", ".venv/.gitignore"]
)
@pytest.mark.parametrize("command", [["lock", "-U"], ["add", "gamma"]])
def test_T05_a_link_under_the_name_of_a_file_that_is_replaced_stays_alone(
    name: str, command: list[str], workspace: Workspace, outside: Path
) -> None:
    (workspace.app / name).unlink(missing_ok=True)
    (workspace.app / name).symlink_to(outside / "canary")
    before = tree(outside)
    workspace.publish(workspace.wheel("alpha", "1.2.0"))
    workspace.run(*command)
    assert tree(outside) == before


@pytest.mark.parametrize("file", ["pipper.lock", "pipper.toml"])
@pytest.mark.parametrize("command", [["add", "gamma"], ["add", "gamma", "--no-sync"], ["remove", "alpha"]])
def test_T05_a_manifest_or_lock_that_is_a_link_out_of_the_project_is_read_and_not_written(
    file: str, command: list[str], workspace: Workspace, outside: Path
) -> None:
    (workspace.app / file).rename(outside / "canary")
    (workspace.app / file).symlink_to(outside / "canary")
    before = tree(outside)
    workspace.run("sync")
    done = workspace.refused(*command, code=4, subject=f"`{workspace.app / file}` is a symbolic link")
    assert f"hint: remove it: `rm {workspace.app / file}`" in done.stderr
    assert tree(outside) == before


def test_T05_lock_does_not_write_through_a_link_out_of_the_project(
    workspace: Workspace, outside: Path
) -> None:
    workspace.lock.unlink()
    workspace.lock.symlink_to(outside / "new")
    workspace.refused("lock", code=4, subject="pipper.lock` is a symbolic link")
    assert not (outside / "new").exists()


def test_T05_a_lock_that_is_a_link_to_a_file_of_the_project_stays_one(workspace: Workspace) -> None:
    workspace.lock.rename(workspace.app / "common.lock")
    workspace.lock.symlink_to("common.lock")
    workspace.run("add", "gamma")
    assert workspace.lock.is_symlink()
    assert "gamma" in (workspace.app / "common.lock").read_text()


@pytest.mark.parametrize(
    ("folder", "command"),
    [
        ("locks", ["export", "-f", "pylock", "-o", "locks/pylock.toml"]),
        ("wheels", ["download", "-d", "wheels"]),
        ("wheels", ["download", "-d", "wheels/deep"]),
        ("vendor", ["install", "-t", "vendor", "gamma"]),
        ("vendor", ["sync", "-t", "vendor"]),
        ("dist", ["bundle", ".", "-o", "dist"]),
        ("inner", ["publish", "epsilon-1.0.0-py3-none-any.whl", "-b", "./inner"]),
        ("inner", ["publish", "epsilon-1.0.0-py3-none-any.whl", "-b", "file:inner/deep"]),
        ("inner", ["repository", "copy", "gamma", "--from", "acme", "--to", "file:inner"]),
        (".venv", ["sync"]),
        (".venv", ["list"]),
        (".venv", ["add", "gamma"]),
    ],
)
def test_T05_a_folder_that_a_link_leads_out_of_the_project_needs_the_consent_of_the_user(
    folder: str, command: list[str], workspace: Workspace, outside: Path
) -> None:
    if command[0] == "publish":
        workspace.wheel("epsilon").rename(workspace.app / command[1])
    before = lead_away(workspace.app / folder, outside)
    done = workspace.refused(*command, code=8, subject="leads out of `")
    assert f"`export {TRUSTED_FOLDERS}={workspace.app}`" in done.stderr
    assert tree(outside) == before
    if command[0] != "bundle":  # it would build
        workspace.run(*command, env={TRUSTED_FOLDERS: str(workspace.app)})


@pytest.mark.parametrize(
    "command",
    [
        ["bundle", ".", "-o", "../../out"],
        ["download", "-d", "../../out"],
        ["export", "-o", "../../out/pylock.toml"],
        ["install", "-t", "../../out", "gamma"],
        ["sync", "-t", "../../out"],
        ["publish", "../../epsilon-1.0.0-py3-none-any.whl", "-b", "../../out"],
    ],
    ids=lambda command: command[0],
)
def test_T05_the_project_is_the_limit_also_for_a_command_in_a_folder_of_it(
    command: list[str], workspace: Workspace, outside: Path
) -> None:
    member = workspace.app / "packages" / "lab"
    member.mkdir(parents=True)
    workspace.wheel("epsilon").rename(workspace.app / "epsilon-1.0.0-py3-none-any.whl")
    before = lead_away(workspace.app / "out", outside)
    done = workspace.run(*command, cwd=member, code=8)
    workspace.check_told(done, f"leads out of `{workspace.app}` through a symbolic link")
    assert tree(outside) == before


@pytest.mark.parametrize("place", [".cache", "deep/.cache"])
@pytest.mark.parametrize("command", [["sync", "--reinstall"], ["lock", "-U"], ["add", "gamma"]], ids=" ".join)
def test_T05_a_cache_that_a_link_leads_out_of_the_project_needs_the_consent_of_the_user(
    place: str, command: list[str], workspace: Workspace, outside: Path
) -> None:
    before = lead_away(workspace.app / Path(place).parts[0], outside)
    for given in (place, str(workspace.app / place)):
        env = {"PIPPER_CACHE_DIR": given}
        workspace.refused(*command, code=8, subject="leads out of `", env=env)
        assert tree(outside) == before
    workspace.run(*command, env={**env, TRUSTED_FOLDERS: str(workspace.app)})


def test_T05_a_path_that_the_user_names_outside_may_be_a_link(workspace: Workspace, outside: Path) -> None:
    (workspace.root / "link").symlink_to(outside)
    workspace.run("download", "-d", workspace.root / "link" / "wheels")
    workspace.run("export", "-f", "pylock", "-o", "../link/pylock.toml")
    assert (outside / "pylock.toml").exists()


def test_T05_the_repository_of_files_beside_the_manifest_is_not_behind_a_link(
    workspace: Workspace, outside: Path
) -> None:
    wheel = workspace.wheel("epsilon")
    (workspace.app / ".pipper").symlink_to(outside)
    before = tree(outside)
    workspace.refused("add", wheel, code=4, subject=".pipper` is a symbolic link")
    assert tree(outside) == before


def test_T05_a_lock_file_of_an_environment_is_not_made_behind_a_link(
    workspace: Workspace, outside: Path
) -> None:
    (workspace.venv / ".pipper" / "lock").unlink(missing_ok=True)
    (workspace.venv / ".pipper" / "lock").symlink_to(outside / "new")
    done = workspace.run("add", "gamma", code=8)
    assert "remove the symbolic link" in done.stderr
    assert not (outside / "new").exists()


@pytest.mark.parametrize("depth", [1, 2])
def test_T05_an_environment_for_a_build_is_not_made_behind_a_link(
    depth: int, workspace: Workspace, outside: Path
) -> None:
    to_build(workspace)
    workspace.run("bundle", ".")
    (place,) = (workspace.root / "cache" / "builds").glob("/".join(["[!.]*"] * depth))
    shutil.rmtree(place)
    place.symlink_to(outside)
    before = tree(outside)
    done = workspace.run("bundle", ".", code=8)
    assert f"`{place}` in the cache is a symbolic link" in done.stderr
    assert tree(outside) == before


def test_T05_a_pipe_in_the_place_of_a_folder_that_is_removed_keeps_nobody_waiting(
    workspace: Workspace,
) -> None:
    os.mkfifo(workspace.venv / ".pipper" / "stage")
    workspace.process("add", "gamma")
    assert workspace.installed()["gamma"] == "1.0.0"
    shutil.rmtree(workspace.venv)
    workspace.process("sync")
    (recipe,) = (each.parent for each in (workspace.root / "cache").rglob("recipe"))
    for place in (workspace.venv, recipe):
        shutil.rmtree(place)
    os.mkfifo(recipe)
    workspace.process("sync")
    assert recipe.is_dir()


@pytest.mark.parametrize("name", ["tmp", "wheels", "files", "interpreters"])
def test_T05_a_cache_with_a_link_in_it_is_refused(name: str, workspace: Workspace, outside: Path) -> None:
    (workspace.root / "cache").mkdir(exist_ok=True)
    (workspace.root / "cache").chmod(0o700)
    (workspace.root / "cache" / name).symlink_to(outside)
    before = tree(outside)
    done = workspace.run("add", "gamma", code=8)
    assert f"`{workspace.root / 'cache' / name}` in the cache is a symbolic link" in done.stderr
    assert tree(outside) == before


def _document(workspace: Workspace, outside: Path) -> Journal:
    path = outside / "canary"
    return Journal(
        anchor=_anchor(workspace), boot="x", documents=(Document(path=path, content=b"x", before=""),)
    )


def _document_by_name(workspace: Workspace, outside: Path) -> Journal:
    path = outside / "pipper.lock"
    return Journal(
        anchor=_anchor(workspace), boot="x", documents=(Document(path=path, content=b"x", before=""),)
    )


def _document_above(workspace: Workspace, outside: Path) -> Journal:
    path = workspace.venv / ".pipper" / ".." / ".." / ".." / "outside" / "pipper.toml"
    return Journal(
        anchor=_anchor(workspace), boot="x", documents=(Document(path=path, content=b"x", before=""),)
    )


def _outgoing(workspace: Workspace, outside: Path) -> Journal:
    info = outside / "foo-1.dist-info"
    each = Outgoing(name="foo", dist_info=f"../../outside/{info.name}", record_sha256=_record_in(info))
    return Journal(anchor=_anchor(workspace), boot="x", outgoing=(each,))


def _incoming(workspace: Workspace, outside: Path) -> Journal:
    staged = workspace.venv / ".pipper" / "stage" / "info" / "foo-1.dist-info"
    _record_in(staged)
    each = Staged(name="foo", dist_info=f"../../outside/{staged.name}", record="")
    return Journal(anchor=_anchor(workspace), boot="x", incoming=(each,))


def _anchor(workspace: Workspace) -> str:
    return os.path.realpath(workspace.venv)


def _record_in(info: Path) -> str:
    info.mkdir(parents=True)
    (info / "RECORD").write_bytes(b"")
    return hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    "forged",
    [_document, _document_by_name, _document_above, _outgoing, _incoming],
    ids=lambda each: each.__name__,
)
def test_T06_a_journal_of_a_clone_reaches_nothing_outside(
    forged: Callable[[Workspace, Path], Journal], workspace: Workspace, outside: Path
) -> None:
    state = workspace.venv / ".pipper"
    (state / "stage").mkdir()
    write_journal(state, forged(workspace, outside))
    before = tree(outside)
    workspace.run("list")
    workspace.run("sync", "--dry-run")
    done = workspace.run("sync", code=4)
    workspace.check_told(done, f"a journal in `{state}` names")
    assert tree(outside) == before
    assert (state / JOURNAL).exists()


def test_T06_B03_a_journal_that_names_a_document_without_an_end_is_told(workspace: Workspace) -> None:
    state = workspace.venv / ".pipper"
    (state / "previous.lock").unlink(missing_ok=True)
    (state / "previous.lock").symlink_to("/dev/zero")
    document = Document(path=state / "previous.lock", content=b"x", before="0" * 64)
    (state / "stage").mkdir(exist_ok=True)
    write_journal(state, Journal(anchor=_anchor(workspace), boot="x", documents=(document,)))
    done = workspace.run("sync", code=8)
    workspace.check_told(done, "previous.lock")
    assert "not a regular file" in done.stderr


def test_B03_a_file_of_an_environment_that_is_a_pipe_is_named(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("hollow", files={"hollow/__init__.py": ""}))
    workspace.run("add", "hollow")
    module = workspace.site / "hollow" / "__init__.py"
    module.unlink()
    os.mkfifo(module)
    done = workspace.run("sync", "--check", "--verify", code=1)
    assert "not a regular file" in done.stdout + done.stderr


def test_T06_a_journal_of_done_changes_reaches_nothing_outside(workspace: Workspace, outside: Path) -> None:
    state = workspace.venv / ".pipper"
    each = Staged(name="foo", dist_info="../../outside/foo-1.dist-info", record="x\n")
    _record_in(outside / "foo-1.dist-info")
    write_journal(state, Journal(anchor=_anchor(workspace), boot="other", incoming=(each,)))
    (state / JOURNAL).rename(state / UNSETTLED)
    before = tree(outside)
    workspace.run("add", "gamma", code=4)
    assert tree(outside) == before


def test_T06_a_journal_of_done_changes_may_name_the_library_of_a_python_that_is_gone(
    workspace: Workspace,
) -> None:
    state = workspace.venv / ".pipper"
    each = Staged(name="foo", dist_info="lib/python2.7/site-packages/foo-1.dist-info", record="x\n")
    write_journal(state, Journal(anchor=_anchor(workspace), boot=boot_id(), incoming=(each,)))
    (state / JOURNAL).rename(state / UNSETTLED)
    workspace.run("add", "gamma")
    assert "foo" not in (state / UNSETTLED).read_text()


@pytest.mark.parametrize("folder", ["stage", "stage/tree", "stage/old", "stage/removing"])
def test_T06_a_staging_tree_that_is_a_link_moves_nothing_in(
    folder: str, workspace: Workspace, outside: Path
) -> None:
    state = workspace.venv / ".pipper"
    (state / folder).parent.mkdir(exist_ok=True)
    (state / folder).symlink_to(outside / "new" if folder.endswith("removing") else outside)
    write_journal(state, Journal(anchor=_anchor(workspace), boot="x"))
    before = tree(outside)
    workspace.run("sync", code=0 if folder.endswith("removing") else 4)
    assert tree(outside) == before


def test_T06_a_left_staging_tree_that_is_a_link_is_removed(workspace: Workspace, outside: Path) -> None:
    (workspace.venv / ".pipper" / "stage").symlink_to(outside)
    before = tree(outside)
    workspace.run("add", "gamma")
    assert tree(outside) == before
    assert workspace.installed()["gamma"] == "1.0.0"


@pytest.mark.parametrize("folder", ["bin", "lib", "lib/python3/site-packages", ".pipper"])
@pytest.mark.parametrize("command", [["sync", "--check"], ["add", "gamma"], ["remove", "alpha"]])
def test_T06_a_folder_of_an_environment_that_leads_out_of_it_is_refused(
    folder: str, command: list[str], workspace: Workspace, outside: Path
) -> None:
    inner = workspace.venv / folder
    if folder.endswith("site-packages"):
        inner = workspace.site
    before = lead_away(inner, outside)
    assert "symbolic link" in workspace.run(*command, code=4).stderr
    assert tree(outside) == before


@pytest.mark.parametrize("folder", ["bin", "include", ".pipper"])
def test_T06_a_folder_of_a_target_that_leads_out_of_it_is_refused(
    folder: str, workspace: Workspace, outside: Path
) -> None:
    workspace.run("install", "-t", "vendor", "alpha")
    before = lead_away(workspace.app / "vendor" / folder, outside)
    for command in (["install", "-t", "vendor", "gamma"], ["uninstall", "-t", "vendor", "alpha"]):
        assert "symbolic link" in workspace.run(*command, code=4).stderr
    assert tree(outside) == before


def test_T06_a_record_reaches_nothing_through_a_link_in_a_library(
    workspace: Workspace, outside: Path
) -> None:
    package = workspace.site / "alpha"
    before = lead_away(package, outside)
    workspace.run("sync", "--compile")
    assert tree(outside) == before
    workspace.run("remove", "alpha")
    assert tree(outside) == before


def given_away(path: Path) -> Path:
    os.lchown(path, STRANGER, STRANGER)
    return path


@as_root
@pytest.mark.parametrize("file", ["pipper.toml", "pipper.lock", ".venv", ".venv/.pipper"])
@pytest.mark.parametrize("command", ["sync", "list", "add"])
def test_T08_what_belongs_to_another_user_is_refused_with_the_setting_that_allows_it(
    file: str, command: str, workspace: Workspace
) -> None:
    path = given_away(workspace.app / file)
    args = ["add", "gamma"] if command == "add" else [command]
    done = workspace.refused(*args, code=8, subject=f"`{path}` belongs to another user")
    assert f"hint: if you trust that user, run `export {TRUSTED_FOLDERS}={path.parent}`" in done.stderr
    for trusted in (str(path.parent), f"/nowhere{os.pathsep}{workspace.root}", "*"):
        workspace.run(*args, env={TRUSTED_FOLDERS: trusted})


@as_root
@pytest.mark.parametrize("file", ["pipper.toml", "pipper.lock", ".venv", ".venv/.pipper"])
def test_T08_nothing_to_do_is_not_said_of_what_belongs_to_another_user(
    file: str, workspace: Workspace
) -> None:
    workspace.run("sync")
    path = given_away(workspace.app / file)
    done = workspace.process("sync", code=8)
    assert f"`{path}` belongs to another user" in done.stderr


@as_root
def test_T08_a_project_of_another_user_in_a_folder_above_is_refused(workspace: Workspace) -> None:
    given_away(workspace.manifest)
    below = workspace.app / "mine" / "deep"
    below.mkdir(parents=True)
    for args in (["sync"], ["tree"], ["install", "-t", "x", "gamma"]):
        done = workspace.run(*args, cwd=below, code=8)
        assert f"`{workspace.manifest}` belongs to another user" in done.stderr
    assert list(below.iterdir()) == []


STRANGERS_MANIFESTS = {
    "that lists all folders": "[workspace]\nmembers = ['**']\n",
    "with a pattern that takes for ever": "[workspace]\nmembers = ['" + "**/*/" * 20 + "zz']\n",
    "that is no TOML": "[workspace",
    "of 2 MB": "[workspace]\nmembers = ['**']\n" + "#" * 2_000_000,
    "of 80 MB": "",
}


@as_root
@pytest.mark.parametrize("kind", STRANGERS_MANIFESTS)
@pytest.mark.parametrize("name", ["pipper.toml", "pyproject.toml"])
def test_T08_a_manifest_of_another_user_above_a_project_neither_stops_nor_slows_it(
    name: str, kind: str, workspace: Workspace
) -> None:
    workspace.run("sync")
    above = workspace.root / name
    text = STRANGERS_MANIFESTS[kind]
    above.write_text(text if name == "pipper.toml" else text.replace("[work", "[tool.pipper.work"))
    if not text:
        os.truncate(above, 80 * 2**20)
    given_away(above)
    assert "Nothing to do" in workspace.process("sync").stderr
    assert "alpha" in workspace.process("list").stdout
    workspace.process("lock", "--check")


def test_B03_a_manifest_above_that_is_too_large_has_no_workspace(workspace: Workspace) -> None:
    above = workspace.root / "pyproject.toml"
    above.touch()
    os.truncate(above, 80 * 2**20)
    assert "alpha" in workspace.run("tree").stdout


@pytest.mark.parametrize("pattern", ["**/" * 14 + "zz", "**/*/" * 12 + "zz", "*/" * 30 + "zz"])
def test_B03_a_workspace_whose_pattern_takes_for_ever_is_looked_through_at_once(
    pattern: str, workspace: Workspace
) -> None:
    deep = workspace.app.joinpath(*"abcdefghijklmn" * 2)
    deep.mkdir(parents=True)
    (workspace.app / "to-here").symlink_to(".")
    (workspace.app / "here-too").symlink_to(".")
    workspace.manifest.write_text(f"{workspace.manifest.read_text()}\n[workspace]\nmembers = ['{pattern}']\n")
    (deep / "pipper.toml").write_text("dependencies = ['alpha']\n")
    workspace.process("lock", "--dry-run", cwd=workspace.app)
    workspace.process("tree", cwd=deep, code=2)


@as_root
def test_T08_a_link_of_another_user_to_a_file_of_ours_is_refused(workspace: Workspace) -> None:
    workspace.manifest.rename(workspace.root / "mine.toml")
    workspace.manifest.symlink_to(workspace.root / "mine.toml")
    given_away(workspace.manifest)
    workspace.run("sync", code=8)


@as_root
@pytest.mark.parametrize("command", ["install", "download -d wheels", "authorize", "bundle ."])
def test_T08_an_old_manifest_of_another_user_that_is_found_is_refused(
    workspace: Workspace, command: str
) -> None:
    for path in (workspace.manifest, workspace.lock):
        path.unlink()
    (workspace.app / "pyproject.toml").write_text("[project]\nname = 'app'\nversion = '1'\n")
    old = workspace.app / "pipper.json"
    old.write_text('{"dependencies": ["alpha"]}')
    os.chown(old, STRANGER, STRANGER)
    env = {"VIRTUAL_ENV": str(workspace.venv)}
    done = workspace.run(*command.split(), code=8, env=env)
    workspace.check_told(done, f"`{old}` belongs to another user")


@as_root
def test_T08_a_manifest_of_another_user_is_used_where_the_user_names_it(workspace: Workspace) -> None:
    place = workspace.root / "shared"
    place.mkdir()
    given_away(shutil.copy(workspace.manifest, place / "pipper.toml"))
    for command in ("install -t new", "download -d wheels"):
        workspace.run(*command.split(), "-i", "../shared/pipper.toml")
    assert "belongs to another user" in workspace.run("tree", code=8, cwd=place).stderr


@as_root
def test_T08_a_target_with_files_of_another_user_is_refused(workspace: Workspace) -> None:
    workspace.run("install", "-t", "vendor", "alpha")
    given_away(workspace.app / "vendor" / ".pipper")
    workspace.refused("install", "-t", "vendor", "gamma", code=8, subject="belongs to another user")


@as_root
def test_T08_with_sudo_the_project_of_the_caller_is_used(workspace: Workspace) -> None:
    for file in ("pipper.toml", "pipper.lock", ".venv", ".venv/.pipper"):
        given_away(workspace.app / file)
    workspace.run("sync", env={"SUDO_UID": str(STRANGER)})
    workspace.run("sync", env={"SUDO_UID": str(STRANGER + 1)}, code=8)


class Children:
    """What this process starts, with the environment that each child gets."""

    def __init__(self) -> None:
        self.environments: list[tuple[str, dict[str, str]]] = []
        self.is_on = False

    def see(self, event: str, args: tuple[object, ...]) -> None:
        """The audit hook."""
        if event == "subprocess.Popen" and self.is_on:
            command, given = args[1], args[3]
            inherited = dict(os.environ) if given is None else dict(given)  # type: ignore[call-overload] # a mapping
            self.environments.append((str(command), inherited))


_CHILDREN = Children()
sys.addaudithook(_CHILDREN.see)


@pytest.fixture
def children() -> Iterator[Children]:
    """An audit hook stays for good, so there is one for all tests."""
    _CHILDREN.environments.clear()
    _CHILDREN.is_on = True
    yield _CHILDREN
    _CHILDREN.is_on = False


def other_python(workspace: Workspace) -> Path:
    """The Python of an environment that pipper has not seen yet."""
    venv.EnvBuilder(symlinks=True).create(workspace.root / "env")
    return workspace.root / "env" / "bin" / "python"


def a_source(workspace: Workspace) -> None:
    """Make the project one that is built by a backend of its own."""
    backend = CHECKOUT / "tests" / "tiny_backend.py"
    (workspace.app / "tiny_backend.py").write_bytes(backend.read_bytes())
    (workspace.app / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "tiny_backend"\nbackend-path = ["."]\n'
        '[project]\nname = "own"\nversion = "1.0.0"\n'
    )


@pytest.mark.parametrize(
    "args",
    [
        ["list"],
        ["info", "-l", "alpha"],
        ["tree"],
        ["sync", "--dry-run"],
        ["sync", "--compile", "--python", "{python}"],
        ["lock", "--python", "{python}"],
        ["bundle", "."],
    ],
    ids=lambda args: " ".join(args[:2]),
)
def test_T09_a_child_gets_neither_credentials_nor_options_of_pipper(
    args: list[str], workspace: Workspace, children: Children
) -> None:
    a_source(workspace)
    python = str(other_python(workspace))
    env = {"PIPPER_AWS_SECRET_ACCESS_KEY": "canary-own", "_PIPPER_X": "x", "KEPT": "kept"}
    names = ("PIP_INDEX_URL", "UV_INDEX_URL", "UV_INDEX_ACME_PASSWORD", "https_proxy")
    env |= dict.fromkeys(names, f"https://me:{SECRET}@proxy.example.com")
    env["no_proxy"] = "*"
    workspace.run(*(each.format(python=python) for each in args), env=env)
    assert children.environments
    for command, seen in children.environments:
        assert not [name for name in seen if name.startswith(("AWS_", "PIPPER_", "_PIPPER_"))], command
        assert not set(CANARIES.values()) & set(seen.values()), command
        secret = {name for name, value in seen.items() if SECRET in value}
        assert secret <= ({"https_proxy"} if args[0] == "bundle" else set()), (
            command
        )  # a backend may need the network
        assert (seen["KEPT"], seen["HOME"]) == ("kept", str(workspace.root / "home")), command


def test_T09_only_isolated_interpreters_are_asked(workspace: Workspace, children: Children) -> None:
    """A module of the clone that has the name of one of the standard library is not imported."""
    for name in ("json", "platform", "sysconfig", "sitecustomize"):
        (workspace.app / f"{name}.py").write_text("raise SystemExit('hostile')")
    workspace.run("list", env={"PYTHONPATH": str(workspace.app)})
    assert [command for command, _ in children.environments if "'-I'" in command]


@pytest.fixture
def exposed(remote: Workspace) -> Workspace:
    """A work tree of git, whose configuration names a program to run, and a list of what git is to ignore."""
    (remote.root / "ignored").write_text("*\n")
    env = {**remote.environment, "GIT_CONFIG_NOSYSTEM": "1"}
    for words in (
        ["init", "-q"],
        ["add", "pipper.toml"],
        ["config", "core.fsmonitor", str(_hostile(remote))],
        ["config", "core.excludesFile", str(remote.root / "ignored")],
    ):
        subprocess.run(["git", *words], cwd=remote.app, env=env, check=True, capture_output=True)
    assert not _was_run(remote)
    return remote


def _hostile(workspace: Workspace) -> Path:
    program = workspace.root / "hostile"
    program.write_text(f'#!/bin/sh\ntouch "{workspace.root}/was-run"\n')
    program.chmod(0o755)
    return program


def _was_run(workspace: Workspace) -> bool:
    return (workspace.root / "was-run").exists()


def test_T09_git_runs_no_program_of_the_clone(exposed: Workspace, children: Children) -> None:
    done = exposed.run("authorize", "-o", "signed.lock")
    assert "git does not ignore" in done.stderr
    (exposed.app / ".gitignore").write_text("signed.lock\n")
    assert "git does not ignore" not in exposed.run("authorize", "-o", "signed.lock").stderr
    (exposed.app / ".gitignore").unlink()
    (exposed.app / ".git" / "info" / "exclude").write_text("*.lock\n")
    assert "git does not ignore" not in exposed.run("authorize", "-o", "signed.lock").stderr
    assert not _was_run(exposed)
    asked = [seen for command, seen in children.environments if "git" in command]
    assert asked
    assert not [name for seen in asked for name in seen if name.startswith(("AWS_", "PIPPER_"))]


def test_B02_an_environment_that_is_a_link_to_an_empty_folder_of_the_project_is_made_there(
    workspace: Workspace,
) -> None:
    shutil.rmtree(workspace.venv)
    (workspace.app / "empty").mkdir()
    workspace.venv.symlink_to("empty")
    workspace.run("sync")
    assert workspace.venv.is_symlink()
    assert workspace.installed()["alpha"] == "1.1.0"
    assert "Nothing to do" in workspace.run("sync").stderr


@pytest.mark.parametrize("target", [".", "src", "../app/src/.."])
@pytest.mark.parametrize("command", [("sync",), ("add", "gamma"), ("run", "python", "-V")], ids=" ".join)
def test_B02_the_mark_of_an_unfinished_environment_behind_a_link_clears_nothing(
    workspace: Workspace, target: str, command: tuple[str, ...]
) -> None:
    """A link is git's to check out, and so is the mark: what they lead to is the user's."""
    shutil.rmtree(workspace.venv)
    for name in (".git/HEAD", "src/mine.py", "src/lib/mine.c"):
        (workspace.app / name).parent.mkdir(parents=True, exist_ok=True)
        (workspace.app / name).write_text("mine")
    workspace.venv.symlink_to(target)
    (workspace.venv / ".pipper-unfinished").touch()
    before = tree(workspace.app)
    done = workspace.run(*command, code=8)
    assert "the project is in it" in done.stderr or "does not clear it" in done.stderr
    assert tree(workspace.app) == before


@pytest.mark.parametrize("place", [".", "..", "src"])
def test_B02_the_mark_of_an_unfinished_environment_clears_no_folder_that_the_user_names(
    workspace: Workspace, place: str
) -> None:
    (workspace.app / "src").mkdir()
    (workspace.app / "src" / "mine.py").write_text("mine")
    (workspace.app / place / ".pipper-unfinished").touch()
    before = tree(workspace.app)
    workspace.run("sync", env={"PIPPER_ENVIRONMENT": place}, code=8)
    assert tree(workspace.app) == before


def test_B02_a_dangling_environment_is_told(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    workspace.venv.symlink_to("nowhere")
    workspace.run("sync", code=8)


def test_B02_a_project_whose_path_has_the_separator_of_path_is_told(workspace: Workspace) -> None:
    shutil.rmtree(workspace.venv)
    odd = workspace.root / "a:b"
    workspace.app.rename(odd)
    (workspace.root / "a:b" / "pipper.lock").unlink()
    workspace.run("lock", cwd=odd)
    done = workspace.run("sync", cwd=odd, code=8)
    assert "its path contains `:`" in done.stderr
    assert not (odd / ".venv").exists()


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_B02_a_file_system_that_refuses_modes_is_used(
    mask: int, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted", "file")

    monkeypatch.setattr("pipper.cache.unpacked.os.chmod", refused)
    before = os.umask(mask)
    try:
        workspace.run("add", "gamma")
    finally:
        os.umask(before)
    assert workspace.installed()["gamma"] == "1.0.0"
