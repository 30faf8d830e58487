"""Each way in which credentials fail, as the table of docs/troubleshooting.md tells it: the message and its mend."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from pipper.core.same_cause import once_each
from pipper.errors import AccessError, ConflictError, IntegrityError, StoreError
from tests.commands import CHECKOUT, run_pipper, run_pipper_apart
from tests.loopback import QuietHandler, closed_ports, served
from tests.s3_double import Answer, Rule, S3Double
from tests.wheelhouse import make_wheel

_KEYS = {"AWS_ACCESS_KEY_ID": "AKIADOUBLE", "AWS_SECRET_ACCESS_KEY": "double-secret"}
_STATIC = "aws_access_key_id = AKIACANARYBASE\naws_secret_access_key = canary-secret\n"
_SSO = "[profile work]\nsso_start_url = {other}/start\nsso_region = us-east-1\nsso_account_id = 1\nsso_role_name = r\n"
_ROLE = f"[profile work]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = base\n[profile base]\n{_STATIC}"
_CANARIES = ("canary-secret", "AKIACANARY", "canary-token", "double-secret")
_USER = "User: arn:aws:iam::123456789012:user/me is not authorized to perform:"


@dataclass(frozen=True, kw_only=True)
class Case:
    """A machine and a server in which one thing is wrong."""

    config: str = ""
    variables: Mapping[str, str] = field(default_factory=dict)
    """`{other}` is a server for STS, SSO and metadata, `{closed}` a port where nobody listens, `{home}` a folder."""
    profile: str = ""
    answer: Answer | None = None
    """Of the bucket, to every request of the `operation`."""
    operation: str = "*"
    other: Answer | None = None
    """Of the other server."""
    command: str = "info"
    code: int = 5


def _denied(why: str) -> Answer:
    return Answer(status=403, code="AccessDenied", message=why)


def _by_key(code: str) -> Answer:
    return Answer(status=403, code=code, message="canary-token is not shown")


_PROFILE = {"config": f"[profile work]\n{_STATIC}", "profile": "work"}
_STS = {"AWS_ENDPOINT_URL_STS": "{other}"}
_SKEWED = Answer(
    status=403,
    code="RequestTimeTooSkewed",
    headers={"Date": format_datetime(datetime.now(UTC) - timedelta(hours=2), usegmt=True)},
)
_CASES = {
    "no usable credentials … there are none": Case(),
    "no usable credentials … Error loading SSO Token": Case(config=_SSO, profile="work"),
    "no usable credentials … The SSO session associated with this profile has expired": Case(
        config=_SSO,
        profile="work",
        variables={"AWS_ENDPOINT_URL_SSO": "{other}"},
        other=Answer(status=401, code="UnauthorizedException", message="Session token not found or invalid"),
    ),
    "no usable credentials … The config profile (absent) could not be found": Case(profile="absent"),
    "ExpiredToken … the session has ended; asked with the variables AWS_*": Case(
        variables={**_KEYS, "AWS_SESSION_TOKEN": "canary-token"}, answer=_by_key("ExpiredToken")
    ),
    "ExpiredToken … the session has ended; asked with the profile": Case(
        config=_PROFILE["config"], profile="work", answer=_by_key("ExpiredToken")
    ),
    "AssumeRole was answered with ExpiredToken": Case(
        config=_ROLE,
        profile="work",
        variables=_STS,
        other=Answer(status=403, code="ExpiredToken", message="it has expired"),
    ),
    "AssumeRole was answered with AccessDenied": Case(
        config=_ROLE, profile="work", variables=_STS, other=_denied(f"{_USER} sts:AssumeRole")
    ),
    "an MFA code is needed, and there is no terminal": Case(
        config=_ROLE.replace("source_profile", "mfa_serial = arn:aws:iam::1:mfa/me\nsource_profile"),
        profile="work",
        variables=_STS,
    ),
    "no usable credentials: … is unreachable": Case(
        config=_ROLE, profile="work", variables={"AWS_ENDPOINT_URL_STS": "{closed}"}, code=6
    ),
    "no usable credentials: … gives none": Case(
        variables={"AWS_CONTAINER_CREDENTIALS_FULL_URI": "{closed}/role"}
    ),
    "no usable credentials … absent-token: No such file or directory": Case(
        variables={
            "AWS_WEB_IDENTITY_TOKEN_FILE": "{home}/absent-token",
            "AWS_ROLE_ARN": "arn:aws:iam::1:role/x",
        }
    ),
    "no usable credentials … the secret access key contains a line break": Case(
        variables={**_KEYS, "AWS_SECRET_ACCESS_KEY": "canary-secret\n"}
    ),
    "no usable credentials … the credential_process of the profile": Case(
        config="[profile work]\ncredential_process = echo canary-secret\n", profile="work"
    ),
    "InvalidAccessKeyId … the server does not know this access key": Case(
        variables=_KEYS, answer=_by_key("InvalidAccessKeyId")
    ),
    "SignatureDoesNotMatch … the secret access key does not belong to the access key": Case(
        variables=_KEYS, answer=_by_key("SignatureDoesNotMatch")
    ),
    "RequestTimeTooSkewed … seconds apart": Case(variables=_KEYS, answer=_SKEWED),
    "cannot read the certificates in … AWS_CA_BUNDLE names it": Case(
        variables={**_KEYS, "AWS_CA_BUNDLE": "{home}/absent.pem"}, code=8
    ),
    "cannot read … access denied by … without s3:ListBucket, S3 answers 403 for a missing key": Case(
        variables=_KEYS, answer=Answer(status=403, code="AccessDenied", message="Access Denied")
    ),
    "cannot read … no identity-based policy allows the s3:GetObject action": Case(
        variables=_KEYS,
        answer=_denied(
            f'{_USER} s3:GetObject on resource: "arn:aws:s3:::acme/x" '
            "because no identity-based policy allows the s3:GetObject action"
        ),
    ),
    "cannot list … no identity-based policy allows the s3:ListBucket action": Case(
        variables=_KEYS,
        operation="ListObjectsV2",
        answer=_denied(
            f'{_USER} s3:ListBucket on resource: "arn:aws:s3:::acme" '
            "because no identity-based policy allows the s3:ListBucket action"
        ),
    ),
    "cannot write … no identity-based policy allows the s3:PutObject action": Case(
        variables=_KEYS,
        command="publish",
        operation="PutObject",
        answer=_denied(
            f'{_USER} s3:PutObject on resource: "arn:aws:s3:::acme/x" '
            "because no identity-based policy allows the s3:PutObject action"
        ),
    ),
    "cannot write … kms:GenerateDataKey": Case(
        variables=_KEYS,
        command="publish",
        operation="PutObject",
        answer=_denied(
            f"{_USER} kms:GenerateDataKey on resource: arn:aws:kms:eu-west-1:1:key/x "
            "because no identity-based policy allows the kms:GenerateDataKey action"
        ),
    ),
    "cannot write … explicit deny in a resource-based policy": Case(
        variables=_KEYS,
        command="publish",
        operation="PutObject",
        answer=_denied(
            f'{_USER} s3:PutObject on resource: "arn:aws:s3:::acme/x" with an explicit deny in a resource-based policy'
        ),
    ),
    "cannot read … permissions boundary": Case(
        variables=_KEYS,
        answer=_denied(
            f'{_USER} s3:GetObject on resource: "arn:aws:s3:::acme/x" '
            "because no permissions boundary allows the s3:GetObject action"
        ),
    ),
    "cannot read … service control policy": Case(
        variables=_KEYS,
        answer=_denied(
            f'{_USER} s3:GetObject on resource: "arn:aws:s3:::acme/x" with an explicit deny in a service control policy'
        ),
    ),
}


def _rows() -> dict[str, str]:
    """Return the message of each row of the table, and its mend."""
    text = (CHECKOUT / "docs" / "troubleshooting.md").read_text()
    table = text.partition("<!-- messages: identities -->")[2].partition("\n## ")[0]
    found = re.findall(r"^\| `([^`]+)` \|.*\| [^|]*?`?([^|`]+)`?[^|`]* \|$", table, re.MULTILINE)
    return dict(found)


def test_N05_every_row_of_the_table_is_tried() -> None:
    assert _rows().keys() == _CASES.keys()


class _Other(QuietHandler):
    """STS, SSO and metadata: one answer for all."""

    answer: Answer | None = None

    def _serve(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        answer = type(self).answer or Answer(status=500, code="InternalError")
        body = (
            f"<ErrorResponse><Error><Code>{answer.code}</Code><Message>{answer.message}</Message></Error></ErrorResponse>"
            if self.command == "POST"
            else f'{{"message": "{answer.message}"}}'
        ).encode()
        self.send_response(answer.status)
        self.send_header("x-amzn-ErrorType", answer.code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 -- the base class looks for these names


@pytest.fixture
def places(tmp_path: Path) -> Iterator[dict[str, str]]:
    with served(_Other) as other, closed_ports() as (port,):
        yield {"other": other.url, "closed": f"http://127.0.0.1:{port}", "home": str(tmp_path)}


def _log_in(home: Path, start: str) -> None:
    """Write the token of an SSO session that this machine takes for valid."""
    import hashlib
    import json

    folder = home / ".aws" / "sso" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha1(start.encode(), usedforsecurity=False).hexdigest()
    token = {"startUrl": start, "accessToken": "canary-token", "expiresAt": "2099-01-01T00:00:00Z"}
    (folder / f"{name}.json").write_text(json.dumps(token))


@pytest.mark.parametrize("message", _CASES)
def test_N05_a_failure_of_credentials_names_step_host_and_mend(
    message: str, places: dict[str, str], s3_double: S3Double, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = _CASES[message]
    bucket = s3_double.endpoint.fresh_bucket()
    monkeypatch.setattr(_Other, "answer", case.other)
    monkeypatch.setattr("pipper.storage.s3.botocore_setup._has_terminal", lambda: False)
    (tmp_path / "config").write_text(case.config.format(**places))
    run = run_pipper
    if case.other and case.other.code == "UnauthorizedException":
        run = run_pipper_apart  # botocore looks for tokens in the home that it was imported in
        _log_in(tmp_path, f"{places['other']}/start")
    environment = {
        "AWS_ENDPOINT_URL_S3": s3_double.endpoint.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_MAX_ATTEMPTS": "1",
        "HOME": str(tmp_path),
        **{name: value.format(**places) for name, value in case.variables.items()},
    }
    if "AWS_CA_BUNDLE" in environment:
        environment["AWS_ENDPOINT_URL_S3"] = s3_double.endpoint.url.replace("http:", "https:")
    if case.answer:
        s3_double.script(Rule(operation=case.operation, fault=case.answer, times=float("inf")))
    wheel = make_wheel(tmp_path / "dist", "foo", "1.0.0")
    command = ("publish", wheel) if case.command == "publish" else ("info", "foo")
    profile = ("-p", case.profile) if case.profile else ()
    done = run(*command, "-b", bucket, *profile, cwd=tmp_path, env=environment, ok=False)
    told = " ".join(done.stderr.split())
    assert done.code == case.code, done.stderr
    pattern = ".*".join(re.escape(part.strip()) for part in message.split("…"))
    assert re.search(pattern, told), done.stderr
    assert _rows()[message] in told.partition("hint: ")[2], done.stderr
    assert told.count("error: ") == 1
    assert not [canary for canary in _CANARIES if canary in done.stdout + done.stderr]


def test_N05_twenty_missing_files_are_one_error_with_the_count(s3_double: S3Double, tmp_path: Path) -> None:
    bucket = s3_double.endpoint.fresh_bucket()
    (tmp_path / "pipper.toml").write_text(f'[repositories]\nacme = "s3://{bucket}"\n')
    names = [f"lib{letter}" for letter in "abcdefghijklmnopqrst"]
    wheels = [make_wheel(tmp_path / "dist", name, "1.0.0") for name in names]
    environment = s3_double.endpoint.environment
    run_pipper("publish", *wheels, cwd=tmp_path, env=environment)
    run_pipper("add", *names, "--no-sync", cwd=tmp_path, env=environment)
    for key in s3_double.contents(bucket):
        if key.endswith(".whl"):
            s3_double.lose(bucket, key)
    done = run_pipper("sync", cwd=tmp_path, env=environment, ok=False)
    assert done.code == 4
    lines = [line for line in done.stderr.splitlines() if line.startswith(("error:", "warning:"))]
    (line,) = lines
    assert line.startswith("error: locked object is missing from the bucket: s3://")
    assert line.endswith("(and 19 more like this)")
    told = run_pipper("sync", "-v", cwd=tmp_path, env=environment, ok=False).stderr
    assert all(f"/{name}-1.0.0-py3-none-any.whl" in told for name in names)


def test_N05_errors_of_one_cause_are_counted_and_others_are_not_merged() -> None:
    def refused(key: str, cause: str = "no permission") -> AccessError:
        return AccessError(f"cannot read s3://acme/pipper/{key}: access denied by host (x)", cause=cause)

    errors = [refused("a"), StoreError("cannot read s3://acme/b"), refused("c"), refused("d", "another")]
    first, second, third = once_each(errors)
    assert first.message.endswith("pipper/a: access denied by host (x) (and 1 more like this)")
    assert (second, third) == (errors[1], errors[3])
    assert errors[0].message.endswith("(x)"), "the error itself stays as it is"
    hashes = [
        IntegrityError(
            f"hash mismatch for {name} 1.0: expected sha256:{digit} got sha256:0 from s3://acme/{name}"
        )
        for name, digit in (("acme-base", "1"), ("models", "2"))
    ]
    (counted,) = once_each(hashes)
    assert counted.message == f"{hashes[0].message} (and 1 more like this)"
    conflicts = [ConflictError(f"{name} 1.0 is published") for name in ("foo", "bar")]
    assert once_each(conflicts) == conflicts
