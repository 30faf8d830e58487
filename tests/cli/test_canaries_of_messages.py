"""Every message about stores, indexes, file systems and what people type, with secrets in every field.

A server repeats the secrets of a request wherever it can: in its message, in each element and each header. URLs have
a user name, a password and a signature. Nothing of it may be printed, however the command ends.
"""

import base64
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.conftest import canary_server
from tests.cli.test_people import TYPED
from tests.commands import Completed, run_here
from tests.index_double import Fault, IndexDouble, Style
from tests.invariants import CANARIES, Workspace
from tests.mistyped import HEAD, TAIL
from tests.s3_double import Answer, OtherBody, Rule, S3Double

pytestmark = pytest.mark.usefixtures("impatient")

PASSWORD = f"{HEAD}-{TAIL}"
SIGNED = f"https://me:{PASSWORD}@h.example/x.whl?X-Amz-Credential={HEAD}&X-Amz-Signature={TAIL}"
KEYS = " ".join(CANARIES.values())
ALL = f"{KEYS} {SIGNED}"
"""What a server repeats of what it was sent, and a URL that it made."""
FIELDS = (
    *("Resource", "RequestId", "HostId", "AWSAccessKeyId", "StringToSign", "CanonicalRequest", "BucketName"),
    *("Endpoint", "Region", "ArgumentName", "ArgumentValue", "Header", "Condition", "Method", "Key"),
)
HEADERS = (
    *("x-amz-request-id", "x-amz-id-2", "x-amz-bucket-region", "Location", "Server", "Date", "ETag"),
    *(
        "WWW-Authenticate",
        "Content-Type",
        "Content-Encoding",
        "Content-Range",
        "Retry-After",
        "Last-Modified",
    ),
)


def quiet(done: Completed) -> None:
    """Require that a command printed no part of a secret, and ended as documented."""
    told = done.stdout + done.stderr
    assert not [each for each in (HEAD, TAIL, *CANARIES.values()) if each in told], told
    assert "Traceback" not in told
    assert done.code in range(9), told


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What a bucket answers to an operation of a command."""

    status: int
    code: str
    words: str = ""
    operation: str = "*"
    command: str = "info"
    told: str
    """A part of the message."""
    options: str = ""
    """Of the repository in the manifest."""


REFUSALS = {
    "N1 checksum": Refusal(
        status=400,
        code="InvalidRequest",
        words="Content-MD5 OR x-amz-checksum- HTTP header is required for Put requests with Object Lock",
        operation="PutObject",
        command="publish",
        told="Content-MD5 OR x-amz-checksum- HTTP header is required",
    ),
    "N1 no checksums": Refusal(
        status=501,
        code="NotImplemented",
        words="A header you provided implies functionality that is not implemented: x-amz-checksum-crc32",
        operation="PutObject",
        command="publish",
        told="does not support",
    ),
    "N2 ACL": Refusal(
        status=400,
        code="AccessControlListNotSupported",
        words="The bucket does not allow ACLs",
        operation="PutObject",
        command="publish",
        options='acl = "bucket-owner-full-control"',
        told="ACLs",
    ),
    "N2 encryption": Refusal(
        status=501,
        code="NotImplemented",
        words="x-amz-server-side-encryption",
        operation="PutObject",
        command="publish",
        options='sse = "aws:kms"',
        told="does not support",
    ),
    "N2 key": Refusal(
        status=400,
        code="KMS.NotFoundException",
        words="Invalid arn",
        operation="PutObject",
        command="publish",
        options='sse = "aws:kms", sse-kms-key-id = "arn:aws:kms:eu-west-1:1:key/x"',
        told="KMS.NotFoundException",
    ),
    "N3 region": Refusal(status=301, code="PermanentRedirect", told="region"),
    "N3 another region": Refusal(status=400, code="IllegalLocationConstraintException", told="region"),
    "N3 signature": Refusal(status=400, code="AuthorizationHeaderMalformed", told="region"),
    "N3 no bucket": Refusal(status=404, code="NoSuchBucket", told="does not exist"),
    "N3 payer": Refusal(status=403, code="AccessDenied", words="Requester pays", told="access denied"),
    "N3 public": Refusal(status=403, code="AccessDenied", options="anonymous = true", told="access denied"),
    "N4 conditions": Refusal(
        status=501,
        code="NotImplemented",
        words="If-None-Match",
        operation="PutObject",
        command="publish",
        told="does not support conditional writes",
    ),
    "N4 slow": Refusal(status=503, code="SlowDown", told="SlowDown"),
    "N4 cut": Refusal(status=418, code="Teapot", told="Teapot"),
    "N4 unknown": Refusal(status=418, code="Teapot", told="Teapot"),
    "N4 broken": Refusal(status=500, code="InternalError", operation="GetObject", told="InternalError"),
    "N4 listing": Refusal(
        status=400, code="InvalidArgument", operation="ListObjectsV2", told="InvalidArgument"
    ),
    "N4 changed": Refusal(
        status=409,
        code="ConditionalRequestConflict",
        operation="PutObject",
        command="publish",
        told="changed",
    ),
}


@pytest.fixture
def double() -> Iterator[S3Double]:
    with canary_server() as server:
        yield server


@pytest.fixture
def bucket(double: S3Double, tmp_path: Path) -> Workspace:
    """A project whose repository is in a bucket that knows the credentials of the workspace."""
    name = double.endpoint.fresh_bucket()
    workspace = Workspace(root=tmp_path / "w", server=double, bucket=name)
    workspace.publish(workspace.wheel("alpha"))
    workspace.write_manifest("alpha")
    workspace.run("lock")
    return workspace


def ask(workspace: Workspace, command: str, *more: str, **variables: str) -> Completed:
    """Run a command that reads or writes, with all that it has to say."""
    lines = {
        "publish": ("publish", workspace.wheel("alpha", "2.0.0"), "-b", "acme"),
        "info": ("info", "alpha"),
        "check": ("repository", "check", "-b", "acme"),
        "sync": ("sync",),
        "lock": ("lock", "-U"),
    }
    environment = {**workspace.environment, "AWS_MAX_ATTEMPTS": "1", **variables}
    return run_here(*lines[command], "-v", *more, cwd=workspace.app, env=environment)


@pytest.mark.parametrize("name", REFUSALS)
def test_N01_to_N04_what_a_bucket_repeats_of_the_secrets_is_not_shown(
    name: str, bucket: Workspace, double: S3Double
) -> None:
    case = REFUSALS[name]
    if case.options:
        text = bucket.manifest.read_text()
        bucket.manifest.write_text(
            text.replace(f"acme = '{bucket.url}'", f"acme = {{ url = '{bucket.url}', {case.options} }}")
        )
    heard = SIGNED if "anonymous" in case.options else ALL  # who is anonymous sends no secrets
    fault = Answer(
        status=case.status,
        code=case.code,
        message=f"{case.words} {'x' * 270} {heard}" if name == "N4 cut" else f"{case.words} {heard}",
        elements=dict.fromkeys(FIELDS, heard),
        headers={**dict.fromkeys(HEADERS, heard), "Location": SIGNED},  # urllib3 stops at one that is no URL
    )
    double.script(Rule(operation=case.operation, fault=fault, times=float("inf")))
    done = ask(bucket, case.command)
    quiet(done)
    assert done.code, done.stderr
    assert case.told in done.stderr


@pytest.mark.parametrize("way", ["-c", "-p"])
def test_N05_what_a_bucket_repeats_of_secrets_of_an_option_or_a_file_is_not_shown(
    way: str, bucket: Workspace, double: S3Double
) -> None:
    environment = {name: text for name, text in bucket.environment.items() if name not in CANARIES}
    config = bucket.root / "config"
    names = zip(map(str.lower, CANARIES), CANARIES.values(), strict=True)
    config.write_text("[profile work]\n" + "".join(f"{name} = {text}\n" for name, text in names))
    environment |= {"AWS_CONFIG_FILE": str(config), "AWS_MAX_ATTEMPTS": "1"}
    given = ("-c", *CANARIES.values()) if way == "-c" else ("-p", "work")
    double.script(
        Rule(operation="*", fault=Answer(status=418, code="Teapot", message=ALL), times=float("inf"))
    )
    done = run_here("info", "alpha", "-v", *given, cwd=bucket.app, env=environment)
    quiet(done)
    assert "Teapot" in done.stderr


@pytest.mark.parametrize("code", ["NoSuchKey", "AccessDenied", "ExpiredToken", "Canary"])
def test_N05_what_a_bucket_repeats_in_its_code_is_not_shown(
    code: str, bucket: Workspace, double: S3Double
) -> None:
    fault = Answer(status=403, code=f"{code} {ALL}", message=ALL)
    double.script(Rule(operation="*", fault=fault, times=float("inf")))
    for command in ("info", "publish", "check", "sync"):
        quiet(ask(bucket, command))


@pytest.mark.parametrize(
    "body", [ALL, f"<html>{ALL}</html>", f"<Error><Code>{ALL}</Code></Error>", f"{{{ALL}}}"]
)
def test_N04_what_a_server_says_that_is_no_bucket_is_not_shown(
    body: str, bucket: Workspace, double: S3Double
) -> None:
    answer = OtherBody(body=body.encode(), content_type=f"text/html; {ALL}", partial=False, etag=False)
    double.script(Rule(operation="*", fault=answer, times=float("inf")))
    for command in ("info", "check", "sync", "lock"):
        quiet(ask(bucket, command))


VARIABLES = (
    *("AWS_ENDPOINT_URL_S3", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "AWS_DEFAULT_REGION", "AWS_PROFILE"),
    *(
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "PIPPER_ENDPOINT_URL",
        "PIPPER_BUCKET",
    ),
    *("AWS_REQUEST_CHECKSUM_CALCULATION", "PIPPER_ACL", "PIPPER_SSE", "PIPPER_PREFIX", "PIPPER_PROFILE"),
)


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("url", [f"http://me:{PASSWORD}@127.0.0.1:1/x", SIGNED])
def test_N01_to_N05_a_secret_in_the_url_of_a_variable_is_not_shown(
    variable: str, url: str, bucket: Workspace
) -> None:
    for command in ("info", "publish"):
        quiet(ask(bucket, command, **{variable: url, "NO_PROXY": ""}))


ACCOUNT = base64.b64encode(f"me:{PASSWORD}".encode()).decode()
ECHO = f"{PASSWORD} Basic {ACCOUNT} {SIGNED}"
"""What an index repeats of the account of a request, and a URL that it made."""


@pytest.fixture
def index(tmp_path: Path) -> Iterator[IndexDouble]:
    with IndexDouble(Style(metadata=False, account=("me", PASSWORD))) as double:
        yield double


def of_index(index: IndexDouble, workspace: Workspace, *args: str) -> Completed:
    """Run a command in a project with one requirement of an index whose URL in pip's variable has the account."""
    workspace.app.mkdir(parents=True, exist_ok=True)
    workspace.manifest.write_text('dependencies = ["public"]\n')
    url = index.url.replace("http://", f"http://me:{PASSWORD}@")
    done = run_here(*args, "-v", cwd=workspace.app, env={**workspace.environment, "PIP_INDEX_URL": url})
    assert ACCOUNT not in done.stdout + done.stderr
    return done


@pytest.mark.parametrize("status", [200, 301, 400, 401, 403, 404, 407, 416, 429, 500, 501, 503])
@pytest.mark.parametrize("path", ["/simple/public/", "/files/*"])
def test_N06_what_an_index_repeats_of_the_account_is_not_shown(
    path: str, status: int, index: IndexDouble, empty: Workspace
) -> None:
    index.add(empty.wheel("public"))
    headers = {**dict.fromkeys(HEADERS, ECHO), "Location": SIGNED}
    index.script(Fault(path=path, status=status, body=ECHO.encode(), headers=headers, times=float("inf")))
    for command in ("lock", "info"):
        done = of_index(index, empty, *([command, "public"] if command == "info" else [command]))
        quiet(done)
    assert index.seen


@pytest.mark.parametrize(
    "key", ["url", "filename", "hashes", "requires-python", "yanked", "size", "upload-time"]
)
@pytest.mark.parametrize("value", [SIGNED, f"https://{TAIL}@h.example/x.whl"])
def test_N06_a_secret_in_an_entry_of_a_page_is_not_shown(
    key: str, value: str, index: IndexDouble, empty: Workspace
) -> None:
    wrong = {"sha256": value} if key == "hashes" else value
    index.add(empty.wheel("public", "2.0"), **{key: wrong})
    for args in (("lock",), ("info", "public", "--all"), ("sync",)):
        quiet(of_index(index, empty, *args))
    if empty.lock.exists():
        assert HEAD not in empty.lock.read_text()


@pytest.mark.parametrize("place", ["lock", "environment", "cache", "repository", "manifest"])
def test_N07_and_N08_a_place_that_cannot_be_used_is_told_without_a_secret(
    place: str, workspace: Workspace
) -> None:
    """A file is where a folder is to be, or a folder where a file is, with credentials and an account around."""
    found = {
        "lock": workspace.lock,
        "environment": workspace.venv,
        "cache": workspace.root / "cache",
        "repository": workspace.repository,
        "manifest": workspace.manifest,
    }[place]
    if found.exists():
        found.rename(found.with_name("aside"))
    if place in ("lock", "manifest"):
        found.mkdir()
    else:
        found.write_text(ALL)
    codes = []
    for args in (("lock", "-U"), ("sync",), ("sync", "--reinstall"), ("add", "gamma"), ("publish", "x.whl")):
        variables = {"PIP_INDEX_URL": SIGNED, "HTTPS_PROXY": SIGNED}
        done = run_here(*args, "-v", cwd=workspace.app, env={**workspace.environment, **variables})
        quiet(done)
        codes.append(done.code)
    assert any(codes)


TYPED_SECRETS = (
    "add --index-url {0} alpha",
    "add --extra-index-url={0} alpha",
    "add --default-index {0} alpha",
    "install --index {0} alpha",
    "publish --username me --password {1} x.whl",
    "publish --token={1} x.whl",
    "publish --token {1} x.whl",
    "publish --repository-url {0} x.whl",
    "publish --publish-url={0} x.whl",
    "login --token {1}",
    "login -u me -p {1}",
    "config set repositories.acme.password {1}",
    "config repositories.acme {0}",
    "source add acme {0}",
    "auth {0}",
    "add git+{0}",
    "add foo@{0}",
    "add 'foo @ git+{0}'",
    "install -r {0}",
    "lock --find-links {0}",
    "sync --trusted-host {0}",
    "sync {0}",
    "repository add acme {0}",
    "repository login {0}",
    "export --with-credentials={1}",
    "authorize --client-cert={1}",
    "lock -P {0}",
    "info {0}",
    "download {0} -d out",
    "init --from {0}",
)


@pytest.mark.parametrize("line", TYPED_SECRETS)
def test_U_a_secret_on_a_line_of_another_tool_is_not_repeated(line: str, empty: Workspace) -> None:
    empty.app.mkdir(parents=True, exist_ok=True)
    for url in (SIGNED, f"https://me:{PASSWORD}@h.example/simple", f"https://{HEAD}@h.example/simple"):
        typed = shlex.split(line.format(url, PASSWORD))
        done = run_here(*typed, "-v", cwd=empty.app, env=empty.environment)
        quiet(done)
        assert done.code == 2


@pytest.mark.parametrize("line", TYPED)
def test_U_what_other_tools_understand_is_answered_without_the_secrets_around(
    line: str, empty: Workspace
) -> None:
    environment = {
        **empty.environment,
        "PIP_INDEX_URL": SIGNED,
        "UV_INDEX_URL": SIGNED,
        "HTTPS_PROXY": SIGNED,
    }
    quiet(run_here(*shlex.split(line), "-v", cwd=empty.app, env=environment))
