"""`pipper authorize` where no server needs to check a signature: what is refused, written and said."""

import json
import re
import stat
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.commands import run_pipper
from tests.loopback import closed_ports
from tests.s3_double import Answer, BrokenBody, Rule, S3Double
from tests.s3_endpoint import S3Endpoint
from tests.wheelhouse import make_wheel


@pytest.fixture
def env(s3_server: S3Endpoint) -> dict[str, str]:
    return s3_server.environment


@pytest.fixture
def app(tmp_path: Path, bucket: str, env: dict[str, str]) -> Path:
    wheels = tmp_path / "published"
    make_wheel(wheels, "alpha", "1.0.0", requires=["beta"])
    make_wheel(wheels, "beta", "2.0.0")
    make_wheel(wheels, "gamma", "3.0.0")
    app = tmp_path / "app"
    app.mkdir()
    (app / "pipper.toml").write_text(
        'dependencies = ["alpha"]\nindex = false\n'
        f'[dependency-groups]\ndev = ["gamma"]\n[repositories]\nacme = "s3://{bucket}/pipper"\n'
    )
    run_pipper("publish", *sorted(wheels.iterdir()), cwd=app, env=env)
    run_pipper("lock", cwd=app, env=env)
    return app


def test_urls_go_to_standard_output_one_a_line(app: Path, env: dict[str, str]) -> None:
    done = run_pipper("authorize", "--no-dev", cwd=app, env=env)
    lines = done.stdout.splitlines()
    assert [re.sub(r".*/|\?.*", "", line) for line in lines] == [
        "alpha-1.0.0-py3-none-any.whl",
        "beta-2.0.0-py3-none-any.whl",
    ]
    assert all("X-Amz-Expires=600&" in line for line in lines)
    assert "X-Amz" not in done.stderr


def test_the_list_of_0x_is_one_line(app: Path, env: dict[str, str]) -> None:
    done = run_pipper("authorize", "-l", cwd=app, env=env)
    assert len(done.stdout.splitlines()) == 1
    assert len(done.stdout.split(" ")) == 3


def test_json_has_the_urls_or_the_path(app: Path, env: dict[str, str]) -> None:
    told = json.loads(run_pipper("authorize", "--json", cwd=app, env=env).stdout)
    assert told["path"] is None
    assert all("X-Amz-Signature" in package["files"][0]["url"] for package in told["packages"])
    done = run_pipper("authorize", "--json", "-o", "a.lock", cwd=app, env=env)
    assert json.loads(done.stdout)["path"] == str(app / "a.lock")
    assert "X-Amz" not in done.stdout


def test_pippers_own_format_is_the_whole_lock_with_urls(app: Path, env: dict[str, str]) -> None:
    run_pipper("authorize", "-o", "a.lock", "-e", "3hr", cwd=app, env=env)
    ordinary = tomllib.loads((app / "pipper.lock").read_text())
    written = tomllib.loads((app / "a.lock").read_text())
    assert written.pop("authorized") is True
    left = written.pop("expires-at") - datetime.now(UTC)
    assert timedelta(hours=2, minutes=58) < left <= timedelta(hours=3)
    for package in (*ordinary["packages"], *written["packages"]):
        for file in package["wheels"]:
            assert ("key" in file) != ("url" in file)
            file.pop("key", None)
            file.pop("url", None)
    assert written == ordinary


@pytest.mark.parametrize("name", ["a.lock", "pylock.toml", "pylock.host.toml"])
def test_K10_the_file_is_private_even_where_another_was(app: Path, env: dict[str, str], name: str) -> None:
    run_pipper("authorize", "-o", name, cwd=app, env=env)
    (app / name).chmod(0o644)
    run_pipper("authorize", "-o", name, "-e", "20m", cwd=app, env=env)
    assert stat.S_IMODE((app / name).stat().st_mode) == 0o600
    assert "X-Amz-Expires=1200" in (app / name).read_text()
    assert sorted(path.name for path in app.iterdir()) == sorted(["pipper.toml", "pipper.lock", name])


def test_K10_an_ordinary_lock_is_never_replaced(app: Path, env: dict[str, str]) -> None:
    before = (app / "pipper.lock").read_bytes()
    (app / "copy.lock").write_bytes(before)
    for name in ("pipper.lock", "copy.lock", "new/pipper.lock"):
        assert run_pipper("authorize", "-o", name, cwd=app, env=env, ok=False).code == 2
    assert (app / "pipper.lock").read_bytes() == (app / "copy.lock").read_bytes() == before


def test_K10_a_work_tree_of_git_is_warned_of_unless_it_ignores_the_file(
    app: Path, env: dict[str, str]
) -> None:
    assert "git does not" not in run_pipper("authorize", "-o", "a.lock", cwd=app, env=env).stderr
    subprocess.run(["git", "init", "-q"], cwd=app, check=True)
    assert "git does not ignore" in run_pipper("authorize", "-o", "a.lock", cwd=app, env=env).stderr
    (app / ".gitignore").write_text("a.lock\n")
    assert "git does not" not in run_pipper("authorize", "-o", "a.lock", cwd=app, env=env).stderr


@pytest.mark.parametrize(
    "expires", ["30d", "604801s", "169h", "8 days", "tomorrow", "10", "0m", "-5m", "1h30m"]
)
def test_K6_what_sigv4_does_not_allow_and_what_nobody_understands_is_refused(
    app: Path, env: dict[str, str], expires: str
) -> None:
    refused = run_pipper("authorize", "-o", "a.lock", f"--expires={expires}", cwd=app, env=env, ok=False)
    assert refused.code == 2
    assert not (app / "a.lock").exists()


def session(folder: Path, s3_server: S3Endpoint, *, ends: datetime) -> dict[str, str]:
    """Credentials of a session that ends, as a process gives them out."""
    given = {
        "Version": 1,
        "AccessKeyId": s3_server.access_key_id,
        "SecretAccessKey": s3_server.secret_access_key,
        "SessionToken": "token-canary",
        "Expiration": f"{ends:%Y-%m-%dT%H:%M:%SZ}",
    }
    (folder / "given.json").write_text(json.dumps(given))
    (folder / "give.py").write_text(f"print(open({str(folder / 'given.json')!r}).read())\n")
    (folder / "aws-config").write_text(
        f"[default]\ncredential_process = {sys.executable} {folder / 'give.py'}\n"
    )
    kept = ("AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION")
    return {name: s3_server.environment[name] for name in kept} | {
        "AWS_CONFIG_FILE": str(folder / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
    }


def test_K7_it_holds_no_longer_than_the_session_and_that_is_said(
    app: Path, tmp_path: Path, s3_server: S3Endpoint
) -> None:
    ends = (datetime.now(UTC) + timedelta(hours=2)).replace(microsecond=0)
    env = session(tmp_path, s3_server, ends=ends)
    done = run_pipper("authorize", "-o", "a.lock", "-e", "12h", cwd=app, env=env)
    assert f"valid until {ends:%Y-%m-%d %H:%M:%S} UTC, not for 12h" in done.stderr
    assert tomllib.loads((app / "a.lock").read_text())["expires-at"] == ends
    assert "canary" not in done.stderr
    for seconds in re.findall(r"X-Amz-Expires=(\d+)", (app / "a.lock").read_text()):
        assert int(seconds) <= 7200
    assert "not for" not in run_pipper("authorize", "-o", "a.lock", "-e", "1h", cwd=app, env=env).stderr


def test_K7_an_unknown_end_of_the_session_is_warned_of(app: Path, env: dict[str, str]) -> None:
    done = run_pipper("authorize", "-o", "a.lock", cwd=app, env={**env, "AWS_SESSION_TOKEN": "token-canary"})
    assert "expire with the session" in done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_a_directory_has_nothing_to_sign(tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path, "alpha", "1.0.0")
    url = (tmp_path / "repository").as_uri()
    run_pipper("publish", wheel, "-b", url, cwd=tmp_path)
    refused = run_pipper("authorize", "alpha", "-b", url, "-o", "a.lock", cwd=tmp_path, ok=False)
    assert refused.code == 2
    assert "pipper download" in refused.stderr
    assert not (tmp_path / "a.lock").exists()


def test_an_endpoint_without_tls_elsewhere_is_refused(app: Path, env: dict[str, str]) -> None:
    given = {**env, "AWS_ENDPOINT_URL_S3": "http://s3.example.com"}
    refused = run_pipper("authorize", "-o", "a.lock", cwd=app, env=given, ok=False)
    assert refused.code == 2
    assert "X-Amz" not in refused.stderr
    assert not (app / "a.lock").exists()


def test_what_holds_urls_already_is_not_signed_again(app: Path, env: dict[str, str]) -> None:
    run_pipper("authorize", "-o", "a.lock", cwd=app, env=env)
    run_pipper("authorize", "-o", "pylock.toml", cwd=app, env=env)
    for name in ("a.lock", "pylock.toml"):
        assert run_pipper("authorize", "-i", name, cwd=app, env=env, ok=False).code == 2


def test_a_file_of_requirements_is_solved(
    app: Path, env: dict[str, str], bucket: str, tmp_path: Path
) -> None:
    old = {"dependencies": ["beta:2.*.*"], "dev_dependencies": ["gamma:>=3.0.0"]}
    (tmp_path / "pipper.json").write_text(json.dumps(old))
    given = ("authorize", "-i", "pipper.json", "-b", bucket)
    assert "/beta-2.0.0-" in run_pipper(*given, cwd=tmp_path, env=env).stdout
    assert "/gamma-3.0.0-" in run_pipper(*given, "--dev", cwd=tmp_path, env=env).stdout
    assert "/alpha-1.0.0-" in run_pipper("authorize", "-i", app / "pipper.toml", cwd=tmp_path, env=env).stdout


def test_K9_an_expired_lock_is_refused_before_any_request(
    app: Path, env: dict[str, str], tmp_path: Path
) -> None:
    run_pipper("authorize", "-o", "a.lock", cwd=app, env=env)
    text = (app / "a.lock").read_text()
    gone = re.sub(r"expires-at = \S+", "expires-at = 2026-01-02T03:04:05Z", text)
    with closed_ports() as (port,):
        (app / "gone.lock").write_text(re.sub(r"(?<=http://127\.0\.0\.1:)\d+", str(port), gone))
        refused = run_pipper("sync", "--lock", app / "gone.lock", "-t", "packages", cwd=tmp_path, ok=False)
    assert refused.code == 5
    assert "gone.lock: authorization expired at 2026-01-02 03:04:05 UTC (local now " in refused.stderr
    assert not (tmp_path / "packages").exists()


def test_K10_an_edited_url_cannot_change_bytes(app: Path, env: dict[str, str], tmp_path: Path) -> None:
    run_pipper("authorize", "-o", "a.lock", cwd=app, env=env)
    lines = (app / "a.lock").read_text().splitlines()
    alpha = next(re.search(r'url = "[^"]+"', line) for line in lines if "/alpha-" in line)
    assert alpha is not None
    other = f'{alpha[0]}, wheel = "beta-2.0.0-py3-none-any.whl"'
    swapped = [re.sub(r'url = "[^"]+"', other, line) if "/beta-" in line else line for line in lines]
    (app / "a.lock").write_text("\n".join(swapped) + "\n")
    refused = run_pipper("sync", "--lock", app / "a.lock", "-t", "packages", cwd=tmp_path, ok=False)
    assert refused.code == 4
    assert "X-Amz" not in refused.stderr
    assert not (tmp_path / "packages").exists()


@pytest.mark.parametrize(
    "fault", [BrokenBody(sent=200), BrokenBody(sent=200, reset=False), Answer(status=503, code="SlowDown")]
)
def test_S5_a_url_that_breaks_off_is_taken_up_again(
    s3_double: S3Double, tmp_path: Path, fault: BrokenBody | Answer
) -> None:
    bucket, env = s3_double.endpoint.fresh_bucket(), s3_double.endpoint.environment
    run_pipper("publish", make_wheel(tmp_path, "alpha", "1.0.0"), "-b", bucket, cwd=tmp_path, env=env)
    run_pipper("authorize", "alpha", "-b", bucket, "-o", "a.lock", cwd=tmp_path, env=env)
    s3_double.script(Rule(operation="GetObject", key="*.whl", fault=fault, times=2))
    before = s3_double.count("GetObject")
    run_pipper("sync", "--lock", "a.lock", "-t", "packages", cwd=tmp_path)
    assert (tmp_path / "packages" / "alpha" / "__init__.py").is_file()
    assert s3_double.count("GetObject") - before == 3


def test_S2_a_server_that_never_answers_well_is_given_up_and_named(
    s3_double: S3Double, tmp_path: Path
) -> None:
    bucket, env = s3_double.endpoint.fresh_bucket(), s3_double.endpoint.environment
    run_pipper("publish", make_wheel(tmp_path, "alpha", "1.0.0"), "-b", bucket, cwd=tmp_path, env=env)
    run_pipper("authorize", "alpha", "-b", bucket, "-o", "a.lock", cwd=tmp_path, env=env)
    s3_double.script(
        Rule(
            operation="GetObject", key="*.whl", fault=Answer(status=503, code="SlowDown"), times=float("inf")
        )
    )
    refused = run_pipper("sync", "--lock", "a.lock", "-t", "packages", cwd=tmp_path, ok=False)
    assert refused.code == 6
    assert "SlowDown" in refused.stderr
    assert "X-Amz" not in refused.stderr
    assert not (tmp_path / "packages").exists()


@pytest.mark.parametrize("name", ["pipper.toml", "pyproject.toml", "pylock.toml", "notes.txt"])
def test_a_file_that_authorize_did_not_write_is_not_replaced(
    app: Path, env: dict[str, str], name: str
) -> None:
    path = app / name
    before = path.read_bytes() if path.exists() else b"[tool.other]\nmine = true\n"
    path.write_bytes(before)
    refused = run_pipper("authorize", "-o", name, cwd=app, env=env, ok=False)
    assert (refused.code, path.read_bytes()) == (2, before)
    assert name in refused.stderr
