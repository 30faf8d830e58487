"""Profiles that hold no key but tell how to get one: a program's, or a role's from STS."""

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from pipper.core.access import RepositoryOptions
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.reporter import Reporter
from pipper.repository.access import choose_access, open_bucket
from pipper.repository.named_repositories import read_named_repositories
from pipper.storage.s3.store import S3Store
from tests.invariants import CANARIES, Workspace
from tests.loopback import QuietHandler, served
from tests.s3_double import S3Double

KEY, SECRET, TOKEN = CANARIES.values()
NOBODY = dict.fromkeys(CANARIES, "")
OTHER_SECRET = "canary-of-who-assumes"
ROLE = "arn:aws:iam::123456789012:role/reader"
ENDS = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=1)


@dataclass
class Sts:
    """Gives the session of a role to whoever asks, or refuses; remembers what was asked."""

    url: str = ""
    refuses: bool = False
    asked: list[Mapping[str, str]] = field(default_factory=list)


@pytest.fixture
def sts() -> Iterator[Sts]:
    sts = Sts()

    class Handler(QuietHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            given = {name: values[0] for name, values in form.items()}
            sts.asked.append({**given, "signed": self.headers["Authorization"]})
            body = (REFUSAL if sts.refuses else SESSION).encode()
            self.send_response(403 if sts.refuses else 200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with served(Handler) as server:
        sts.url = server.url
        yield sts


SESSION = f"""\
<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult>
<AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId><Arn>{ROLE}/s</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>{KEY}</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>
<SessionToken>{TOKEN}</SessionToken><Expiration>{ENDS:%Y-%m-%dT%H:%M:%SZ}</Expiration></Credentials>
</AssumeRoleResult></AssumeRoleResponse>"""
REFUSAL = """\
<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"""


@pytest.fixture
def aws(tmp_path: Path, sts: Sts) -> dict[str, str]:
    """Variables of somebody with the profiles `program` and `role` and no key of their own."""
    folder = tmp_path / "aws"
    folder.mkdir()
    (folder / "gives.py").write_text(
        "import json\nprint(json.dumps({'Version': 1, "
        f"'AccessKeyId': {KEY!r}, 'SecretAccessKey': {SECRET!r}, 'SessionToken': {TOKEN!r}, "
        f"'Expiration': '{ENDS:%Y-%m-%dT%H:%M:%SZ}'}}))\n"
    )
    (folder / "config").write_text(
        f'[profile program]\ncredential_process = "{sys.executable}" "{folder / "gives.py"}"\n'
        f"[profile role]\nrole_arn = {ROLE}\nsource_profile = people\n"
        f"[profile people]\naws_access_key_id = AKIAPEOPLE\naws_secret_access_key = {OTHER_SECRET}\n"
    )
    return {
        **NOBODY,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
        "AWS_ENDPOINT_URL_STS": sts.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_STS_REGIONAL_ENDPOINTS": "regional",
    }


def store_of(profile: str, double: S3Double, aws: Mapping[str, str], home: Path) -> S3Store:
    """The store that `-p PROFILE` opens."""
    entry = RepositoryEntry(
        alias="acme", url=f"s3://{double.endpoint.fresh_bucket()}", endpoint_url=double.endpoint.url
    )
    named = read_named_repositories(home / "nothing.json", Reporter())
    access = choose_access(RepositoryOptions(profile=profile), entry, named, aws)
    assert (access.profile, access.credentials) == (profile, None)
    store = open_bucket(entry, access)
    assert isinstance(store, S3Store)
    double.forget()
    return store


@pytest.mark.parametrize("profile", ["program", "role"])
def test_requests_are_signed_with_the_key_that_the_profile_leads_to(
    profile: str,
    double: S3Double,
    aws: dict[str, str],
    sts: Sts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    store = store_of(profile, double, aws, tmp_path)
    store.create("foo/x", b"body", content_type="text/plain")
    assert store.read("foo/x").body == b"body"
    assert {seen.operation for seen in double.seen} >= {"PutObject", "GetObject"}
    for seen in double.seen:
        assert f"Credential={KEY}/" in seen.headers["authorization"]
        assert seen.headers["x-amz-security-token"] == TOKEN
    if profile == "role":
        (asked,) = sts.asked
        assert (asked["Action"], asked["RoleArn"]) == ("AssumeRole", ROLE)
        assert "Credential=AKIAPEOPLE/" in asked["signed"]
    else:
        assert sts.asked == []


@pytest.mark.parametrize("profile", ["program", "role"])
def test_the_step_is_named_without_a_secret_and_urls_end_with_the_session(
    profile: str, remote: Workspace, aws: dict[str, str]
) -> None:
    done = remote.run("lock", "-U", "-v", "-p", profile, env=aws)
    assert f"s3://{remote.bucket}/pipper: uses the profile `{profile}` given with -p" in done.stderr
    remote.check_secrets(done)
    assert OTHER_SECRET not in done.stderr
    done = remote.run("authorize", "-o", "a.lock", "-e", "12h", "-p", profile, env=aws)
    assert f"{ENDS:%Y-%m-%d %H:%M:%S} UTC, not for 12h" in done.stderr
    assert SECRET not in (remote.app / "a.lock").read_text()


GIVEN = {"Version": 1, "AccessKeyId": KEY, "SecretAccessKey": SECRET, "SessionToken": TOKEN}
FAILING = {
    "ends": "import sys; sys.exit('log in first')",
    "no-json": f"print({SECRET!r})",
    "no-text": "import sys; sys.stdout.buffer.write(bytes(range(128, 256)))",
    "no-object": f"print({json.dumps([SECRET])!r})",
    "no-key": f"print({json.dumps({**GIVEN, 'AccessKeyId': None})!r}.replace('AccessKeyId', 'Other'))",
    "no-version": f"print({json.dumps({**GIVEN, 'Version': 2})!r})",
    "no-time": f"print({json.dumps({**GIVEN, 'Expiration': 'soon'})!r})",
    "absent": "",
}


@pytest.mark.parametrize("how", FAILING)
def test_a_program_that_gives_no_key_is_exit_5_and_no_secret_is_told(
    how: str, remote: Workspace, aws: dict[str, str]
) -> None:
    config = Path(aws["AWS_CONFIG_FILE"])
    program = config.with_name("fails.py")
    program.write_text(FAILING[how])
    command = f'"{sys.executable}" "{program}"' if FAILING[how] else f'"{config.with_name("nothing")}"'
    config.write_text(f"[profile broken]\ncredential_process = {command}\n")
    done = remote.refused("lock", "-U", "-v", "-p", "broken", code=5, subject=remote.bucket, env=aws)
    assert "no usable credentials" in done.stderr
    assert ("log in first" in done.stderr) == (how == "ends")


def test_a_role_that_is_refused_is_exit_5_and_not_taken_for_a_refusal_of_the_bucket(
    remote: Workspace, aws: dict[str, str], sts: Sts
) -> None:
    sts.refuses = True
    done = remote.refused("lock", "-U", "-v", "-p", "role", code=5, subject=remote.bucket, env=aws)
    assert "AssumeRole was answered with AccessDenied: not authorized" in done.stderr
    assert "s3:ListBucket" not in done.stderr
    assert OTHER_SECRET not in done.stderr
