"""`pipper repository add|modify|remove|list|exists`: the file of pipper 0.x, which keeps its secrets."""

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.commands import PATIENCE
from tests.invariants import CANARIES, Workspace

KEY, SECRET, TOKEN = CANARIES.values()
NO_KEY = dict.fromkeys(("access_key_id", "secret_access_key", "session_token"))
UNIX = pytest.mark.skipif(os.name == "nt", reason="modes and owners of Unix")


def file_of(workspace: Workspace) -> Path:
    return Path(workspace.environment["HOME"]) / ".pipper" / "repositories.json"


def stored(workspace: Workspace) -> Any:
    return json.loads(file_of(workspace).read_text())


def write(workspace: Workspace, document: object) -> Path:
    file = file_of(workspace)
    file.parent.mkdir(mode=0o700)
    file.write_text(document if isinstance(document, str) else json.dumps(document))
    file.chmod(0o600)
    return file


def test_add_writes_an_entry_as_0_x_does(empty: Workspace) -> None:
    done = empty.run("repository", "add", "acme", "-b", "acme-packages", "-d", "-c", KEY, SECRET, TOKEN)
    assert done.stdout == ""
    assert not any(secret in done.stderr for secret in (KEY, SECRET, TOKEN))
    entry = {
        "bucket": "acme-packages",
        "profile": None,
        "root_prefix": "pipper",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "session_token": TOKEN,
    }
    assert stored(empty) == {"repositories": {"acme": entry}, "default": "acme"}


@pytest.mark.parametrize("given", [(), ("0",)])
def test_add_with_key_and_secret_alone_stores_no_token(given: tuple[str, ...], empty: Workspace) -> None:
    empty.run("repository", "add", "acme", "-c", KEY, SECRET, *given, "-q")
    assert stored(empty)["repositories"]["acme"]["session_token"] is None


def test_a_url_gives_bucket_and_prefix_and_an_option_overrides_it(empty: Workspace) -> None:
    empty.run("repository", "add", "one", "-b", "s3://packages/py/private")
    empty.run("repository", "add", "two", "-b", "s3://packages/py", "--prefix", "/other/")
    found = {
        name: (entry["bucket"], entry["root_prefix"]) for name, entry in stored(empty)["repositories"].items()
    }
    assert found == {"one": ("packages", "py/private"), "two": ("packages", "other")}


@pytest.mark.parametrize(
    "bucket",
    ["file:///srv/x", "https://x", "s3://", "s3:///py", "s3://packages/", "s3://me:pw@packages", "no bucket"],
)
def test_what_is_no_bucket_cannot_be_named(bucket: str, empty: Workspace) -> None:
    empty.refused("repository", "add", "acme", "-b", bucket, code=2, subject="", but="O")
    assert not file_of(empty).exists()


def test_an_entry_of_which_nothing_is_said_is_neither_added_nor_modified(empty: Workspace) -> None:
    done = empty.refused("repository", "add", "acme", "--default", code=2, subject="`acme`", but="O")
    assert "pipper repository add acme -b BUCKET" in done.stderr
    assert not file_of(empty).exists()
    empty.run("repository", "add", "acme", "-p", "work")
    done = empty.refused("repository", "modify", "acme", code=2, subject="`acme`", but="O")
    assert "pipper repository modify acme -b BUCKET" in done.stderr


@UNIX
@pytest.mark.parametrize("folder", [True, False])
def test_a_link_that_leads_nowhere_is_not_followed(folder: bool, empty: Workspace) -> None:
    file, nowhere = file_of(empty), empty.root / "nowhere"
    if folder:
        file.parent.symlink_to(nowhere)
    else:
        file.parent.mkdir(mode=0o700)
        file.symlink_to(nowhere / "mine.json")
    link = file.parent if folder else file
    done = empty.refused("repository", "add", "acme", "-b", "packages", code=8, subject=str(link), but="O")
    assert f"remove {link}" in done.stderr
    assert not nowhere.exists()


def test_an_entry_that_exists_is_not_added_again(empty: Workspace) -> None:
    empty.run("repository", "add", "acme", "-b", "packages")
    done = empty.refused("repository", "add", "acme", "-b", "others", code=2, subject="`acme` exists")
    assert "pipper repository modify acme" in done.stderr


def test_variables_that_name_a_repository_to_read_change_no_entry(empty: Workspace) -> None:
    variables = {
        "PIPPER_BUCKET": "others",
        "PIPPER_PREFIX": "x",
        "PIPPER_REPOSITORY": "none",
        "PIPPER_PROFILE": "p",
    }
    empty.run("repository", "add", "acme", "-b", "packages", env=variables)
    entry = stored(empty)["repositories"]["acme"]
    assert (entry["bucket"], entry["root_prefix"], entry["profile"]) == ("packages", "pipper", None)


def test_modify_keeps_what_is_not_named_and_what_it_does_not_know(empty: Workspace) -> None:
    entry = {
        "bucket": "packages",
        "root_prefix": "py",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "note": 1,
    }
    write(empty, {"repositories": {"acme": entry}, "default": None, "later": [1]})
    empty.run("repository", "modify", "acme", "-b", "others")
    assert stored(empty)["repositories"]["acme"] == {
        **entry, "bucket": "others", "profile": None, "session_token": None,
    }  # fmt: skip
    assert stored(empty)["later"] == [1]
    empty.run("repository", "modify", "acme", "--default")
    assert stored(empty)["default"] == "acme"


def test_a_profile_and_a_key_take_each_others_place(empty: Workspace) -> None:
    empty.run("repository", "add", "acme", "-b", "packages", "-c", KEY, SECRET, TOKEN)
    empty.run("repository", "modify", "acme", "-p", "work")
    assert SECRET not in file_of(empty).read_text()
    assert empty.run("repository", "list").stdout == "acme  s3://packages/pipper  profile work\n"
    empty.run("repository", "modify", "acme", "-c", KEY, SECRET)
    assert stored(empty)["repositories"]["acme"]["profile"] is None
    empty.run("repository", "modify", "acme", "-p", "x", "-c", KEY, SECRET, code=2)


def test_an_entry_is_copied_with_r_and_options_go_on_top(empty: Workspace) -> None:
    empty.run("repository", "add", "acme", "-b", "packages", "--prefix", "py", "-c", "AKIA", "secret")
    empty.run("repository", "add", "test", "-r", "acme", "-b", "packages-test")
    entries = stored(empty)["repositories"]
    assert entries["test"] == {**entries["acme"], "bucket": "packages-test"}
    empty.refused("repository", "add", "third", "-r", "none", code=2, subject="`none`")


def test_remove_really_removes(empty: Workspace) -> None:
    empty.run("repository", "add", "acme", "-b", "packages", "--default", "-c", KEY, SECRET)
    empty.run("repository", "add", "other", "-b", "others")
    empty.run("repository", "remove", "acme")
    assert set(stored(empty)["repositories"]) == {"other"}
    assert stored(empty)["default"] is None
    assert SECRET not in file_of(empty).read_text()
    empty.refused("repository", "remove", "acme", code=2, subject="`acme`")
    empty.refused("repository", "modify", "acme", "-b", "x", code=2, subject="`acme`")


def test_exists_answers_by_exit_code(empty: Workspace) -> None:
    empty.run("repository", "exists", "acme", code=1)
    empty.run("repository", "add", "acme", "-b", "packages")
    done = empty.run("repository", "exists", "acme", "-q")
    assert done.stdout + done.stderr == ""


def test_list_tells_who_asks_and_no_part_of_a_secret(empty: Workspace) -> None:
    empty.run("repository", "add", "key", "-b", "packages", "--default", "-c", KEY, SECRET, TOKEN)
    document = stored(empty)
    document["repositories"]["nobody"] = {**document["repositories"]["key"], "bucket": None, **NO_KEY}
    file_of(empty).write_text(json.dumps(document))
    done = empty.run("repository", "list")
    assert done.stdout == "key     s3://packages/pipper  key  default\nnobody  -                     -\n"
    document = json.loads(empty.run("repository", "list", "--json").stdout)
    assert document == {
        "repositories": [
            {"name": "key", "bucket": "packages", "prefix": "pipper", "profile": None, "key": True},
            {"name": "nobody", "bucket": None, "prefix": "pipper", "profile": None, "key": False},
        ],
        "default": "key",
    }


def test_two_commands_at_once_both_count(empty: Workspace) -> None:
    processes = [empty.begin("repository", "add", f"r{number}", "-b", "packages") for number in range(6)]
    for process in processes:
        _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0, err
    assert len(stored(empty)["repositories"]) == 6


@UNIX
@pytest.mark.parametrize("umask", [0o000, 0o022])
def test_K02_the_file_is_private_whatever_the_umask(umask: int, empty: Workspace) -> None:
    before = os.umask(umask)
    try:
        empty.run("repository", "add", "acme", "-c", KEY, SECRET)
    finally:
        os.umask(before)
    file = file_of(empty)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


@UNIX
def test_K02_no_byte_is_written_before_the_mode_is_right(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes: list[int] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        found = os.fstat(descriptor)
        if stat.S_ISREG(found.st_mode):
            modes.append(stat.S_IMODE(found.st_mode))
        fsync(descriptor)

    def forbidden(*_: object) -> None:
        raise AssertionError("a mode that is set later is too late")

    monkeypatch.setattr(os, "fsync", watched)
    monkeypatch.setattr(os, "chmod", forbidden)
    monkeypatch.setattr(os, "fchmod", forbidden)
    before = os.umask(0)
    try:
        empty.run("repository", "add", "acme", "-c", KEY, SECRET)
    finally:
        os.umask(before)
    assert modes == [0o600]


@UNIX
def test_K02_an_open_file_is_replaced_by_a_private_one(empty: Workspace) -> None:
    file = write(empty, {"repositories": {}, "default": None})
    file.chmod(0o644)
    inode = file.stat().st_ino
    empty.run("repository", "add", "acme", "-c", KEY, SECRET)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.stat().st_ino != inode
    assert {path.name for path in file.parent.iterdir()} == {"repositories.json", ".repositories.lock"}


@UNIX
@pytest.mark.parametrize("mode", [0o777, 0o770])
def test_K02_nothing_is_written_where_others_may_write(mode: int, empty: Workspace) -> None:
    file = write(empty, {"repositories": {}, "default": None})
    file.parent.chmod(mode)
    done = empty.refused("repository", "add", "acme", "-c", KEY, SECRET, code=8, subject=str(file))
    assert f"chmod go-w {file.parent}" in done.stderr


@UNIX
def test_K02_a_link_to_ones_own_file_is_followed_and_stays(empty: Workspace) -> None:
    file = write(empty, {"repositories": {}, "default": None})
    target = file.with_name("mine.json")
    file.rename(target)
    file.symlink_to(target)
    empty.run("repository", "add", "acme", "-b", "packages")
    assert file.is_symlink()
    assert "acme" in json.loads(target.read_text())["repositories"]


@UNIX
def test_K02_a_link_to_a_file_of_another_user_is_not_followed(empty: Workspace) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make files of another user")
    file = write(empty, {"repositories": {}, "default": None})
    target = empty.root / "theirs.json"
    target.write_bytes(file.read_bytes())
    os.chown(target, 12345, 12345)
    file.unlink()
    file.symlink_to(target)
    done = empty.refused("repository", "add", "acme", "-c", KEY, SECRET, code=8, subject="another user")
    assert str(target) in done.stderr


def test_K03_an_open_file_is_read_with_a_warning(empty: Workspace) -> None:
    file = write(empty, {"repositories": {}, "default": None})
    file.chmod(0o644)
    assert f"chmod 600 {file}" in empty.run("repository", "list").stderr


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("[]", "expected a table"),
        ('{"repositories": {"a": {"access_key_id": "x"}}}', "repositories.a: `secret_access_key`"),
        ('{"repositories": {}, "default": "gone"}', "default: "),
    ],
)
def test_K04_a_damaged_file_is_told_and_left_alone(text: str, cause: str, empty: Workspace) -> None:
    file = write(empty, text)
    for args in (("add", "acme"), ("modify", "a", "-b", "x"), ("remove", "a"), ("list",), ("exists", "a")):
        done = empty.refused("repository", *args, code=5, subject=str(file), but="O")
        assert cause in done.stderr
    assert file.read_text() == text


def test_K04_a_damaged_file_stops_no_command_that_uses_only_directories(empty: Workspace) -> None:
    write(empty, "{")
    place = ("-b", empty.url)
    empty.run("publish", empty.wheel("alpha", "1.0.0"), *place)
    empty.run("info", "alpha", *place)
    empty.run("repository", "check", *place)
    empty.run("repository", "copy", "--all", "--from", empty.url, "--to", (empty.root / "copy").as_uri())
    empty.write_manifest("alpha")
    for args in (
        ("lock",),
        ("lock",),
        ("lock", "-U"),
        ("sync",),
        ("add", "alpha>=1"),
        ("repository", "packages"),
    ):
        empty.run(*args)
    for args in (("info", "alpha", "-b", "packages"), ("info", "alpha", "-r", "acme")):
        empty.refused(*args, code=5, subject="repositories.json", but="O")


def test_K01_a_secret_in_the_wrong_place_is_not_repeated(empty: Workspace) -> None:
    for args in (
        ("add", "-c", KEY, SECRET, TOKEN, "extra", "more"),
        ("modify", "gone", "-c", KEY, SECRET, TOKEN),
        ("add", f"-c{KEY}", SECRET, TOKEN, "x", "y"),
    ):
        empty.refused("repository", *args, code=2, subject="", but="O")
