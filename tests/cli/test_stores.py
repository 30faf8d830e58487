"""Buckets as their owners set them up: what they demand of every request, and that every command gives it."""

import gc
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from pipper.core.bucket_options import KEYS, BucketOptions
from pipper.storage.s3.fast.client import has_end, size_of
from tests.commands import Completed, clean_environment, run_pipper
from tests.s3_double import Answer, BrokenBody, Rule, S3Double, Seen
from tests.wheelhouse import make_wheel

_WRITES = ("PutObject", "CopyObject")
_DENIED = Answer(status=403, code="AccessDenied", message="explicit deny in a resource-based policy")


class Bucket:
    """A bucket of the double, and a project whose manifest names it with options."""

    def __init__(self, double: S3Double, root: Path) -> None:
        self.double = double
        self.name = double.endpoint.fresh_bucket()
        self.root = root
        self.environment = double.endpoint.environment

    def declare(self, *options: str, alias: str = "acme") -> None:
        """Write a manifest that names the bucket with these options."""
        table = ", ".join((f'url = "s3://{self.name}"', *options))
        self._write("pipper.toml", f"[repositories]\n{alias} = {{ {table} }}\n")

    def _write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text)

    def run(self, *args: str | Path, ok: bool = True, **variables: str) -> Completed:
        """Run a command of pipper in the project."""
        return run_pipper(*args, cwd=self.root, env={**self.environment, **variables}, ok=ok)

    def life(self, *options: str) -> None:
        """Run every command that writes into the bucket: with marker, probes, yank, copy, repair and prune."""
        old, new = (make_wheel(self.root / "dist", "foo", version) for version in ("1.0.0", "2.0.0"))
        other = make_wheel(self.root / "other", "foo", "2.0.0", files={"foo/__init__.py": "other = 1\n"})
        self.run("publish", old, new, *options)
        self.run("publish", other, "--force", *options)
        self.run("yank", "foo:1.0.0", *options)
        self.run("repository", "check", *options)
        (page,) = (key for key in self.double.contents(self.name) if key.endswith("index.json"))
        self.double.lose(self.name, page)
        self.run("repository", "repair", *options)
        self.run("repository", "site", *options)
        self.run("repository", "copy", "--all", "--from", "acme", "--to", f"s3://{self.name}/copy", *options)
        self.run("repository", "prune", "foo:1.0.0", *options)

    def sent(self, *operations: str) -> list[Seen]:
        """Return the requests of these kinds that came from pipper."""
        return [seen for seen in self.double.seen if seen.operation in operations]


@pytest.fixture
def bucket(s3_double: S3Double, tmp_path: Path) -> Bucket:
    return Bucket(s3_double, tmp_path)


def _without(header: str, *operations: str) -> Callable[[Seen], Answer | None]:
    def demand(request: Seen) -> Answer | None:
        concerned = not operations or request.operation in operations
        return _DENIED if concerned and not request.headers.get(header) else None

    return demand


def _lacks_checksum(request: Seen) -> Answer | None:
    has = any(name.startswith(("x-amz-checksum-", "content-md5")) for name in request.headers)
    message = (
        "Content-MD5 OR x-amz-checksum- HTTP header is required for Put Object requests with Object Lock"
    )
    is_bare = request.operation == "PutObject" and not has
    return Answer(status=400, code="InvalidRequest", message=message) if is_bare else None


def test_N01_a_bucket_with_object_lock_takes_every_write(bucket: Bucket) -> None:
    bucket.double.demand = _lacks_checksum
    bucket.declare()
    bucket.life()
    assert bucket.sent("PutObject")


def test_N01_the_users_variable_about_checksums_counts(bucket: Bucket) -> None:
    bucket.declare()
    wheel = make_wheel(bucket.root / "dist", "foo", "1.0.0")
    bucket.run("publish", wheel, AWS_REQUEST_CHECKSUM_CALCULATION="when_required")
    sums = [name for seen in bucket.sent("PutObject") for name in seen.headers if "checksum" in name]
    assert not [name for name in sums if name != "x-amz-sdk-checksum-algorithm"]


@pytest.mark.parametrize(
    ("fault", "mend"),
    [
        (None, "unset AWS_REQUEST_CHECKSUM_CALCULATION"),
        (Answer(status=400, code="XAmzContentSHA256Mismatch"), "CHECKSUM_CALCULATION=when_required"),
        (Answer(status=400, code="InvalidArgument"), "CHECKSUM_CALCULATION=when_required"),
    ],
    ids=["object lock", "old server", "older server"],
)
def test_N01_a_refusal_for_checksums_names_the_variable(
    bucket: Bucket, fault: Answer | None, mend: str
) -> None:
    bucket.declare()
    variables = {}
    if fault is None:
        bucket.double.demand = _lacks_checksum
        variables["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
    else:
        bucket.double.script(Rule(operation="PutObject", fault=fault, times=float("inf")))
    done = bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"), ok=False, **variables)
    assert done.code == 6
    assert mend in done.stderr.partition("hint: ")[2]


_SSE = "x-amz-server-side-encryption"
_KMS = f"{_SSE}-aws-kms-key-id"


_DEMANDS = [
    ("sse", "AES256", _SSE),
    ("sse", "aws:kms", _SSE),
    ("sse-kms-key-id", "arn:aws:kms:eu-west-1:123456789012:key/canary", _KMS),
    ("acl", "bucket-owner-full-control", "x-amz-acl"),
]


@pytest.mark.parametrize(("key", "value", "header"), _DEMANDS)
def test_N02_every_write_has_what_the_manifest_says_of_its_bucket(
    bucket: Bucket, key: str, value: str, header: str
) -> None:
    bucket.double.demand = _without(header, *_WRITES)
    bucket.declare(f'{key} = "{value}"')
    _life_of_one(bucket)
    assert {seen.headers[header] for seen in bucket.sent(*_WRITES)} == {value}


@pytest.mark.parametrize("place", ["named", "option", "variable"])
def test_N02_every_write_has_what_the_user_says_of_its_bucket(bucket: Bucket, place: str) -> None:
    key, value, header = _DEMANDS[2]
    bucket.double.demand = _without(header, *_WRITES)
    bucket.declare()
    if place == "named":
        bucket.run("repository", "add", "acme", f"--{key}", value, "-b", bucket.name)
        _life_of_one(bucket)
    elif place == "option":
        bucket.life(f"--{key}", value)
    else:
        bucket.environment["PIPPER_SSE_KMS_KEY_ID"] = value
        bucket.life()
    assert {seen.headers[header] for seen in bucket.sent(*_WRITES)} == {value}


def _life_of_one(bucket: Bucket) -> None:
    """Run every command that writes into the repository of the manifest."""
    old, new = (make_wheel(bucket.root / "dist", "foo", version) for version in ("1.0.0", "2.0.0"))
    bucket.run("publish", old, new)
    bucket.run("repository", "site")
    bucket.run("yank", "foo:1.0.0")
    bucket.run("repository", "check")
    bucket.double.lose(bucket.name, "pipper/foo/index.json")
    bucket.run("repository", "repair")
    away = (bucket.root / "away").as_uri()
    bucket.run("repository", "copy", "foo:2.0.0", "--from", "acme", "--to", away)
    bucket.run("repository", "prune", "foo:2.0.0")
    bucket.run("repository", "copy", "foo:2.0.0", "--from", away, "--to", "acme")


def test_N02_an_option_counts_before_the_users_file_and_that_before_the_manifest(bucket: Bucket) -> None:
    bucket.declare('acl = "private"', 'sse = "AES256"')
    bucket.run("repository", "add", "acme", "--acl", "bucket-owner-read", "-b", bucket.name)
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"), "--sse", "aws:kms")
    (marker, *_) = bucket.sent("PutObject")
    assert (marker.headers["x-amz-acl"], marker.headers[_SSE]) == ("bucket-owner-read", "aws:kms")


def test_N02_a_named_repository_keeps_its_options_and_shows_them(bucket: Bucket) -> None:
    bucket.run("repository", "add", "acme", "-b", bucket.name, "--sse", "aws:kms", "--request-payer")
    bucket.run("repository", "modify", "acme", "--sse-kms-key-id", "alias/acme")
    (shown,) = json.loads(bucket.run("repository", "list", "--json").stdout)["repositories"]
    assert {key: shown.get(key) for key in KEYS} == {
        "acl": None,
        "sse": "aws:kms",
        "sse-kms-key-id": "alias/acme",
        "request-payer": True,
        "anonymous": None,
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (('acl = "open"',), "acme.acl: `open` is not a known value"),
        (('sse = "aws:kmz"',), "known: AES256, aws:kms, aws:kms:dsse"),
        (('sse = "AES256"', 'sse-kms-key-id = "x"'), "`AES256` uses no key of KMS"),
        (('anonymous = "yes"',), "acme.anonymous: expected true or false"),
        (("requester-pays = true",), "did you mean `request-payer`?"),
        (('sse-kms-key-id = "a\\nb"',), "a control character"),
    ],
)
def test_N02_an_option_that_is_none_is_refused_with_its_place(
    bucket: Bucket, options: tuple[str, ...], told: str
) -> None:
    bucket.declare(*options)
    done = bucket.run("lock", ok=False)
    assert (done.code, bucket.double.seen[1:]) == (2, [])
    assert told in done.stderr


_CANARY = "https://me:canary-PW-7f3a@host.example.com/x?X-Amz-Signature=canary-SIG-9c1d"


@pytest.mark.parametrize("key", ["acl", "sse", "sse-kms-key-id"])
@pytest.mark.parametrize("place", ["manifest", "file", "option", "variable"])
def test_N02_a_secret_in_the_wrong_place_is_not_repeated(bucket: Bucket, key: str, place: str) -> None:
    bucket.declare(*([f'{key} = "{_CANARY}"'] if place == "manifest" else []))
    options: list[str] = []
    if place == "option":
        options = [f"--{key}", _CANARY]
    elif place == "variable":
        bucket.environment["PIPPER_" + key.replace("-", "_").upper()] = _CANARY
    elif place == "file":
        bucket.run("repository", "add", "acme", "-b", bucket.name)
        (file,) = Path(clean_environment(bucket.root)["HOME"]).glob(".pipper/repositories.json")
        document = json.loads(file.read_text())
        document["repositories"]["acme"][key] = _CANARY
        file.write_text(json.dumps(document))
    done = bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"), *options, "-v", ok=False)
    assert done.code == (5 if place == "file" else 2)
    assert "canary" not in done.stdout + done.stderr
    assert bucket.sent("PutObject") == []


@pytest.mark.parametrize("place", ["manifest", "option", "named"])
def test_N03_a_public_bucket_is_read_without_credentials(bucket: Bucket, place: str) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.double.public = True
    bucket.double.forget()
    wrong = {"AWS_ACCESS_KEY_ID": "AKIACANARYCANARY", "AWS_SECRET_ACCESS_KEY": "canary-secret"}
    bucket.environment |= wrong
    bucket.declare(*(["anonymous = true"] if place == "manifest" else []))
    if place == "named":
        bucket.run("repository", "add", "acme", "--anonymous", "-b", bucket.name)
    options = ["--anonymous"] if place == "option" else []
    bucket.run("add", "foo", *options)
    assert (bucket.root / ".venv").is_dir()
    assert bucket.sent("GetObject")
    assert [seen.headers.get("authorization") for seen in bucket.double.seen] == [None] * len(
        bucket.double.seen
    )


def test_N03_urls_of_a_public_bucket_need_no_signature_and_no_credentials(bucket: Bucket) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.run("add", "foo", "--no-sync")
    bucket.double.public = True
    bucket.environment = {name: text for name, text in bucket.environment.items() if "KEY" not in name}
    manifest = bucket.root / "pipper.toml"
    place = f'url = "s3://{bucket.name}"'
    manifest.write_text(manifest.read_text().replace(place, f"{place}, anonymous = true"))
    (url,) = bucket.run("authorize").stdout.split()
    assert (url.startswith(bucket.double.endpoint.url), "?" in url) == (True, False)
    bucket.run("authorize", "-o", "signed.lock")
    bucket.run("sync", "--lock", "signed.lock")


def test_N03_who_publishes_into_a_public_bucket_gives_credentials_for_it(bucket: Bucket) -> None:
    bucket.double.public = True
    bucket.declare("anonymous = true")
    wheel, keys = make_wheel(bucket.root / "dist", "foo", "1.0.0"), bucket.double.endpoint
    refused = bucket.run("publish", wheel, ok=False)
    assert refused.code == 5
    bucket.run("publish", wheel, "-c", keys.access_key_id, keys.secret_access_key)
    conflict = bucket.run("lock", "--anonymous", "-p", "work", ok=False)
    assert (conflict.code, "--anonymous and -p cannot be combined" in conflict.stderr) == (2, True)


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "boto3"])
def test_N03_the_requester_pays_for_every_request(bucket: Bucket, fast: bool) -> None:
    bucket.double.demand = _without("x-amz-request-payer")
    if not fast:
        bucket.environment["AWS_USE_DUALSTACK_ENDPOINT"] = "false"  # an unknown variable: boto3 decides
    bucket.declare("request-payer = true")
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.run("add", "foo")
    bucket.run("yank", "foo:1.0.0")
    bucket.declare()
    assert bucket.run("info", "foo", ok=False).code == 5
    assert "foo" in bucket.run("info", "foo", "--request-payer").stdout


def test_N03_a_signed_url_of_a_bucket_whose_requester_pays_says_so_itself(bucket: Bucket) -> None:
    bucket.declare("request-payer = true")
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.run("add", "foo")
    urls = bucket.run("authorize").stdout.split()
    assert urls
    assert all("x-amz-request-payer=requester" in url and "SignedHeaders=host&" in url for url in urls)


_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/acme"


@pytest.mark.parametrize(
    ("url", "resource"),
    [
        (f"s3://{_POINT}", f"{_POINT}/object/pipper/*"),
        (f"s3://{_POINT}/team/py", f"{_POINT}/object/team/py/*"),
        (f"s3://{_POINT}/", f"{_POINT}/object/*"),
        (_POINT, f"{_POINT}/object/pipper/*"),
        ("s3://acme-x7yz-s3alias/py", "arn:aws:s3:::acme-x7yz-s3alias/py/*"),
    ],
)
def test_N03_an_access_point_is_a_repository(tmp_path: Path, url: str, resource: str) -> None:
    shown = run_pipper("repository", "policy", "-b", url, cwd=tmp_path).stdout
    assert json.loads(shown)["Statement"][-1]["Resource"] == [resource]


def test_N03_a_named_repository_may_be_an_access_point(tmp_path: Path) -> None:
    run_pipper("repository", "add", "acme", "-b", f"s3://{_POINT}/team", cwd=tmp_path)
    (shown,) = json.loads(run_pipper("repository", "list", "--json", cwd=tmp_path).stdout)["repositories"]
    assert (shown["bucket"], shown["prefix"]) == (_POINT, "team")


@pytest.mark.parametrize(
    "url", [f"s3://{_POINT.replace('accesspoint', 'bucket')}", "s3://arn:aws:s3:eu-west-1:1:accesspoint/x"]
)
def test_N03_another_arn_is_refused(tmp_path: Path, url: str) -> None:
    done = run_pipper("info", "foo", "-b", url, cwd=tmp_path, ok=False)
    assert (done.code, "is not a repository URL" in done.stderr) == (2, True)


def test_N03_an_access_points_files_have_urls_of_its_host() -> None:
    from pipper.core.access import Credentials
    from pipper.storage.s3.location import S3Location
    from pipper.storage.s3.store import S3Store

    keys = Credentials(access_key_id="AKIACANARY", secret_access_key="canary")
    store = S3Store(
        S3Location(bucket=_POINT, prefix="pipper"),
        credentials=keys,
        options=BucketOptions(request_payer=True),
    )
    host = "https://acme-123456789012.s3-accesspoint.eu-west-1.amazonaws.com/pipper/foo/x.whl"
    assert store.url("foo/x.whl") == host


_ABSENT = "absent"


def _reshaped(**headers: str) -> Callable[[Seen, Mapping[str, str]], Mapping[str, str]]:
    """Change the headers of answers to reads of objects; a value of `absent` leaves one out."""
    changes = {name.replace("_", "-"): value for name, value in headers.items()}

    def shape(request: Seen, given: Mapping[str, str]) -> Mapping[str, str]:
        if request.operation != "GetObject":
            return given
        return {name: value for name, value in (dict(given) | changes).items() if value != _ABSENT}

    return shape


@pytest.mark.parametrize("fast", [True, False], ids=["fast", "boto3"])
def test_N04_bodies_in_chunks_without_a_length_are_read(bucket: Bucket, fast: bool) -> None:
    bucket.declare()
    if not fast:
        bucket.environment["AWS_USE_DUALSTACK_ENDPOINT"] = "false"  # an unknown variable: boto3 decides
    bucket.double.shape = _reshaped(Content_Length=_ABSENT, Transfer_Encoding="chunked")
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.run("add", "foo")
    bucket.run("yank", "foo:1.0.0")


def test_N04_a_chunked_body_that_breaks_off_is_not_taken_for_a_whole_one(bucket: Bucket) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.double.shape = _reshaped(Content_Length=_ABSENT, Transfer_Encoding="chunked", ETag='"opaque-1"')
    bucket.double.script(Rule(operation="GetObject", fault=BrokenBody(sent=0), times=float("inf")))
    done = bucket.run("info", "foo", ok=False)
    assert (done.code, "the response is incomplete" in done.stderr) == (6, True)


def test_N04_a_body_whose_end_nothing_shows_is_refused_in_words(bucket: Bucket) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.double.shape = _reshaped(Content_Length=_ABSENT)
    done = bucket.run("info", "foo", ok=False)
    assert (done.code, "it has no Content-Length, and is not chunked" in done.stderr) == (6, True)
    gc.collect()  # pytest fails the test if a socket was left open: this server closes it, pipper has to as well


def test_N04_a_range_without_a_length_is_as_long_as_it_says() -> None:
    assert size_of({"content-range": "bytes 3-10/99"}) == 8
    assert size_of({"content-range": "bytes */99"}) is None
    assert has_end({"transfer-encoding": "Chunked"})
    assert not has_end({})


def test_N04_etags_that_a_proxy_made_weak_are_those_of_the_store(bucket: Bucket) -> None:
    bucket.declare()

    def weak(_: Seen, headers: Mapping[str, str]) -> Mapping[str, str]:
        return {name: f"W/{value}" if name == "ETag" else value for name, value in headers.items()}

    bucket.double.shape = weak
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "2.0.0"))
    bucket.run("yank", "foo:1.0.0")
    bucket.run("add", "foo")
    assert not [seen for seen in bucket.double.seen if "W/" in seen.headers.get("if-match", "")]


@pytest.mark.parametrize(
    ("message", "lacks", "mend"),
    [
        (
            "A header you provided implies functionality: If-None-Match",
            "conditional writes",
            "Amazon S3, Ceph",
        ),
        ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "S3's checksums", "CHECKSUM_CALCULATION=when_required"),
        ("server side encryption", "this encryption", "another `sse`"),
        ("x-amz-acl", "ACLs", "remove `acl`"),
        (
            "not implemented",
            "this request",
            "conditional writes: Amazon S3, Ceph radosgw, or a directory; or set",
        ),
    ],
)
def test_N04_what_a_store_does_not_implement_is_told_at_once_and_for_good(
    bucket: Bucket, message: str, lacks: str, mend: str
) -> None:
    fault = Answer(status=501, code="NotImplemented", message=message)
    bucket.double.script(Rule(operation="PutObject", fault=fault, times=float("inf")))
    bucket.declare()
    done = bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"), ok=False)
    assert done.code == 6
    assert f"does not support {lacks}" in done.stderr
    assert mend in done.stderr
    assert "later" not in done.stderr
    assert (bucket.double.count("PutObject"), bucket.double.contents(bucket.name)) == (1, {})


def test_N04_a_server_that_cannot_copy_gets_the_bytes(bucket: Bucket) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    bucket.double.script(
        Rule(operation="CopyObject", fault=Answer(status=501, code="NotImplemented"), times=float("inf"))
    )
    bucket.run("repository", "copy", "--all", "--from", "acme", "--to", f"s3://{bucket.name}/copy")
    assert bucket.double.count("CopyObject")
    assert "foo 1.0.0" in bucket.run(
        "repository", "packages", "-b", f"s3://{bucket.name}/copy"
    ).stdout.replace("  ", " ")


@pytest.mark.parametrize("versioned", [True, False])
@pytest.mark.parametrize("command", ["publish", "check"])
def test_N04_nothing_stays_behind_in_a_store_that_ignores_conditions(
    bucket: Bucket, versioned: bool, command: str
) -> None:
    bucket.double.conditions, bucket.double.versioned = False, versioned
    bucket.declare()
    wheel = make_wheel(bucket.root / "dist", "foo", "1.0.0")
    args = ("publish", wheel) if command == "publish" else ("repository", "check")
    done = bucket.run(*args, ok=False)
    assert done.code in (6, 2)
    assert bucket.double.contents(bucket.name) == {}
    assert bucket.double.versions(bucket.name) == []


@pytest.mark.parametrize("command", ["publish", "yank", "check", "repair", "prune"])
def test_N04_no_command_writes_into_a_store_that_ignores_conditions(bucket: Bucket, command: str) -> None:
    bucket.declare()
    bucket.double.versioned = True
    old, new = (make_wheel(bucket.root / "dist", "foo", version) for version in ("1.0.0", "2.0.0"))
    bucket.run("publish", old)
    bucket.double.conditions = False
    before = bucket.double.contents(bucket.name), bucket.double.versions(bucket.name)
    args: dict[str, tuple[str | Path, ...]] = {
        "publish": ("publish", new),
        "yank": ("yank", "foo:1.0.0"),
        "check": ("repository", "check"),
        "repair": ("repository", "repair"),
        "prune": ("repository", "prune", "foo:1.0.0"),
    }
    done = bucket.run(*args[command], ok=False)
    assert (done.code, "does not support conditional writes" in done.stderr) == (6, True)
    assert (bucket.double.contents(bucket.name), bucket.double.versions(bucket.name)) == before


def test_N04_a_marker_that_may_not_be_deleted_again_is_told(bucket: Bucket) -> None:
    bucket.double.conditions = False
    bucket.double.script(Rule(operation="DeleteObject", fault=_DENIED, times=float("inf")))
    bucket.declare()
    done = bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"), ok=False)
    assert done.code == 6
    assert "could not be deleted again: cannot delete s3://" in done.stderr


_LOCKED = (
    "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled><Rule><DefaultRetention>"
    "<Mode>GOVERNANCE</Mode><Days>30</Days></DefaultRetention></Rule></ObjectLockConfiguration>"
)


def test_N04_a_check_says_first_what_the_store_can_do(bucket: Bucket) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    plain = bucket.run("repository", "check").stdout.splitlines()
    assert [line.partition(":")[0] for line in plain[:5]] == [
        "conditions honoured",
        "checksums none stored",
        "encryption none shown",
        "versioning unknown",
        "object lock off",
    ]
    bucket.double.settings = {
        "GetBucketVersioning": "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>",
        "GetObjectLockConfiguration": _LOCKED,
    }
    more = {"x-amz-checksum-crc32": "AAAA", _SSE: "aws:kms", _KMS: "key/canary"}
    bucket.double.shape = lambda seen, given: {**given, **more} if seen.operation == "HeadObject" else given
    rich = json.loads(bucket.run("repository", "check", "--json").stdout)["abilities"]
    assert {each["name"]: each["state"] for each in rich} == {
        "conditions": "honoured",
        "checksums": "CRC32",
        "encryption": "aws:kms",
        "versioning": "on",
        "object lock": "governance for 30 days",
    }
    assert "kms:Decrypt on key/canary" in json.dumps(rich)


def test_N04_a_check_says_what_it_may_not_ask(bucket: Bucket) -> None:
    bucket.declare()
    bucket.run("publish", make_wheel(bucket.root / "dist", "foo", "1.0.0"))
    for operation in ("GetBucketVersioning", "GetObjectLockConfiguration"):
        bucket.double.script(Rule(operation=operation, fault=_DENIED, times=float("inf")))
    lines = bucket.run("repository", "check").stdout.splitlines()
    assert "versioning unknown: s3:GetBucketVersioning is not allowed" in lines
    assert "object lock unknown: s3:GetBucketObjectLockConfiguration is not allowed" in lines
