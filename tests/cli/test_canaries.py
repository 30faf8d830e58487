"""T12: no mistyped URL with a secret shows it: not in what is printed, not in a file, not in the name of one."""

import os
import time
from pathlib import Path

import pytest

from tests.commands import clean_environment, run_here
from tests.invariants import CANARIES, Workspace
from tests.mistyped import HEAD, TAIL, sample, traces
from tests.recorder import recording

COUNT = int(os.environ.get("PIPPER_CANARIES", "72"))
SEED = os.environ.get("PIPPER_CANARIES_SEED", "canaries")
PART = 8


@pytest.mark.parametrize("part", range(PART))
def test_T12_no_option_of_any_command_repeats_or_keeps_a_secret(part: int, workspace: Workspace) -> None:
    secrets = [HEAD, TAIL, *CANARIES.values()]
    with recording() as server:
        at_home = {"AWS_ENDPOINT_URL_S3": server.url, "PIPPER_INDEX_URL": f"{server.url}/simple"}
        for trial in sample(COUNT, SEED)[part::PART]:
            since = time.time() - 1
            env = {**workspace.environment, **at_home, "AWS_DEFAULT_REGION": "us-east-1", **trial.env}
            done = run_here(*trial.args, cwd=workspace.app, env=env)
            assert done.code != 70, f"{trial}\n{done.stderr}"
            assert not [each for each in secrets if each in done.stdout + done.stderr], f"{trial}\n{done}"
            assert list(traces(workspace.root, since)) == [], trial


@pytest.mark.parametrize("between", ["", "/", "?", "#", "@", ":", "//", " ", "]", "%", "'", '"', "<", "\\"])
def test_T12_a_password_in_a_url_is_refused_before_anything_is_written(
    between: str, empty: Workspace
) -> None:
    word = f"{HEAD}{between}{TAIL}"
    for args in (
        ("publish", f"https://me:{word}@127.0.0.1:1/x.whl"),
        ("publish", f"//me:{word}@127.0.0.1:1/x.whl"),
        ("init", "-R", f"acme=s3://AKIA:{word}@bucket"),
        ("init", "-R", f"s3://AKIA:{word}@bucket"),
        ("add", f"https://me:{word}@127.0.0.1:1/x.whl"),
        ("add", f"x @ https://me:{word}@127.0.0.1:1/x.whl"),
        ("install", "-t", "target", f"https://me:{word}@127.0.0.1:1/x.whl"),
        ("sync", "-t", f"https://me:{word}@127.0.0.1:1/x"),
        ("download", "-d", f"https:/me:{word}@127.0.0.1:1/x"),
        ("lock", "-b", f"file:///me:{word}@host/x"),
        ("repository", "add", "acme", "-b", f"s3://AKIA:{word}@bucket"),
        ("repository", "add", f"https://me:{word}@host", "-b", "bucket"),
        ("lock", "-c", "KEY", "SECRET", "-b", f"s3://AKIA:{word}@bucket"),
    ):
        done = empty.run(*args, code=2)
        assert HEAD not in done.stderr + done.stdout
        assert TAIL not in done.stderr + done.stdout
        assert "hint: " in done.stderr
        files = [path for path in empty.root.rglob("*") if path.is_file() or path.parent == empty.app]
        assert [path for path in files if path.parent.name != "home"] == [], args


def test_T12_the_error_names_the_url_without_what_was_in_it_and_the_mend(empty: Workspace) -> None:
    done = empty.run("init", "-R", "acme=s3://AKIA:" + HEAD + "@bucket/pipper?x", code=2)
    assert done.stderr == (
        "error: a URL with a user name or a password: acme=s3://bucket/pipper\n"
        "  pipper would write it into files, where others can read it\n"
        "hint: remove them; -c, -p and -r give the credentials of a repository, netrc has those of an index\n"
    )


@pytest.mark.parametrize(
    "line",
    [
        "--index-url https://me:{0}@h.example/simple",
        "--extra-index-url https://{0}@h.example/simple",
        "-f https://me:{0}@h.example/x",
        "x @ https://me:{0}@h.example/x.whl",
        "x @ git+https://{0}@h.example/x.git",
        "-e git+https://me:{0}@h.example/x.git#egg=x",
        "https://me:{0}@h.example/x.whl",
        "x @ https://h.example/x.whl?X-Amz-Signature={0}",
    ],
)
def test_T12_init_from_writes_no_secret_of_another_tools_file(line: str, tmp_path: Path) -> None:
    (tmp_path / "from").mkdir()
    (tmp_path / "to").mkdir()
    (tmp_path / "from" / "requirements.txt").write_text(line.format(f"{HEAD}/{TAIL}") + "\n")
    env = clean_environment(tmp_path / "to")
    done = run_here("init", "--from", "../from/requirements.txt", cwd=tmp_path / "to", env=env)
    written = (tmp_path / "to" / "pipper.toml").read_text() if done.code == 0 else ""
    for secret in (HEAD, TAIL):
        assert secret not in written + done.stdout + done.stderr
