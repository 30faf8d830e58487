"""When reads do without boto3: what is told is what botocore would find, and anything odd is left to it."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from pipper.core.access import Credentials
from pipper.storage.s3.fast.plain_access import PlainAccess, plain_access
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.store import S3Store

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "SECRET"}
HERE = S3Location(bucket="acme", endpoint_url="http://127.0.0.1:9000", region="eu-west-1")
GIVEN = Credentials(access_key_id="AKIAGIVEN", secret_access_key="GIVEN")


def access(
    home: Path,
    environ: Mapping[str, str],
    *,
    location: S3Location = HERE,
    credentials: Credentials | None = None,
    profile: str | None = None,
) -> PlainAccess | None:
    return plain_access(location, credentials=credentials, profile=profile, environ=environ, home=home)


def write(home: Path, name: str, text: str) -> None:
    (home / ".aws").mkdir(exist_ok=True)
    (home / ".aws" / name).write_text(text)


def test_keys_of_the_environment_and_an_endpoint_are_plain(tmp_path: Path) -> None:
    found = access(tmp_path, {**KEYS, "AWS_SESSION_TOKEN": "TOKEN"})
    assert found is not None
    assert found.root == "http://127.0.0.1:9000/acme"
    assert found.region == "eu-west-1"
    assert found.credentials == Credentials(
        access_key_id="AKIA", secret_access_key="SECRET", session_token="TOKEN"
    )
    assert "SECRET" not in repr(found)
    assert "TOKEN" not in repr(found)


def test_given_keys_come_before_those_of_the_environment(tmp_path: Path) -> None:
    found = access(tmp_path, KEYS, credentials=GIVEN)
    assert found is not None
    assert found.credentials == GIVEN


def test_amazon_is_asked_by_host_in_the_region_that_is_told(tmp_path: Path) -> None:
    found = access(tmp_path, {**KEYS, "AWS_DEFAULT_REGION": "us-east-2"}, location=S3Location(bucket="acme"))
    assert found is not None
    assert found.root == "https://acme.s3.us-east-2.amazonaws.com"
    assert found.region == "us-east-2"


@pytest.mark.parametrize(
    "location",
    [
        HERE,
        S3Location(bucket="With.Dots", endpoint_url="https://s3.example.com/below/", region="us-east-1"),
        S3Location(bucket="acme", region="eu-central-1"),
        S3Location(bucket="acme", region="us-west-2"),
        S3Location(bucket="acme", endpoint_url="http://[::1]:9000", region="garage"),
    ],
)
def test_the_address_is_the_one_that_botocore_signs_urls_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, location: S3Location
) -> None:
    found = access(tmp_path, {}, location=location, credentials=GIVEN)
    assert found is not None
    store = S3Store(location, credentials=GIVEN)
    if location.endpoint_url is None:
        # so that the region is not asked of Amazon
        monkeypatch.setattr(store._connection, "_home", location.region)
    theirs = urlsplit(store.presign("x", seconds=60))
    assert f"{theirs.scheme}://{theirs.netloc}{theirs.path}" == f"{found.root}/x"


def test_a_profile_is_read_from_both_files(tmp_path: Path) -> None:
    write(tmp_path, "config", "[profile work]\nregion = ap-south-1\noutput = json\n")
    write(tmp_path, "credentials", "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = W\n")
    for given in ({"profile": "work"}, {"profile": None}):
        environ = {} if given["profile"] else {"AWS_PROFILE": "work"}
        found = access(tmp_path, environ, location=S3Location(bucket="acme"), **given)
        assert found is not None
        assert found.credentials.access_key_id == "AKIAWORK"
        assert found.region == "ap-south-1"


def test_a_named_profile_comes_before_keys_of_the_environment(tmp_path: Path) -> None:
    write(tmp_path, "credentials", "[work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = W\n")
    found = access(tmp_path, KEYS, profile="work")
    assert found is not None
    assert found.credentials.access_key_id == "AKIAWORK"


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"AWS_ACCESS_KEY_ID": "AKIA"},
        {**KEYS, "AWS_PROFILE": "missing"},
        {**KEYS, "AWS_USE_DUALSTACK_ENDPOINT": "true"},
        {**KEYS, "AWS_USE_FIPS_ENDPOINT": "true"},
        {**KEYS, "AWS_WEB_IDENTITY_TOKEN_FILE": "token"},
        {**KEYS, "AWS_SOMETHING_NEW": "1"},
        {**KEYS, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
        {**KEYS, "BOTO_CONFIG": "boto.cfg"},
        {**KEYS, "http_proxy": "http://proxy:3128"},
        {**KEYS, "AWS_PROFILE": ""},
        {**KEYS, "AWS_DEFAULT_PROFILE": "", "AWS_PROFILE": "work"},
        {**KEYS, "AWS_ACCESS_KEY_ID": "AKIA\n"},
        {**KEYS, "AWS_SESSION_TOKEN": "T\u00d6KEN"},
    ],
)
def test_what_only_botocore_understands_is_left_to_it(tmp_path: Path, environ: Mapping[str, str]) -> None:
    assert access(tmp_path, environ) is None


@pytest.mark.parametrize(
    "config",
    [
        "[default]\nrole_arn = arn:aws:iam::1:role/x\nsource_profile = y\n",
        "[default]\ncredential_process = keys\n",
        "[default]\nsso_session = corporate\n",
        "[default]\ns3 =\n  addressing_style = path\n",
        "[default]\nendpoint_url = http://127.0.0.1:1\n",
        "[default]\naws_access_key_id = half\n",
        "[default\n",
        "[profile default]\nregion = eu-west-2\n",
        "[DEFAULT]\nregion = eu-west-2\n",
        "[DEFAULT]\nrole_arn = arn:aws:iam::1:role/x\n[default]\noutput = json\n",
        "[default]\nregion =\n  eu-west-2\n",
        '[profile "work"]\nregion = eu-west-2\n',
        "[profile  work]\nregion = eu-west-2\n",
        "[profiles work]\nregion = eu-west-2\n",
    ],
)
def test_a_profile_that_says_more_is_left_to_botocore(tmp_path: Path, config: str) -> None:
    write(tmp_path, "config", config)
    assert access(tmp_path, KEYS) is None


@pytest.mark.parametrize(
    "location",
    [
        S3Location(bucket="acme"),
        S3Location(bucket="acme", region="cn-north-1"),
        S3Location(bucket="acme", region="us-gov-west-1"),
        S3Location(bucket="with.dots", region="eu-west-1"),
        S3Location(bucket="Upper", region="eu-west-1"),
        S3Location(bucket="acme--use1-az4--x-s3", region="eu-west-1"),
        S3Location(bucket="acme-s3alias", region="eu-west-1"),
        S3Location(
            bucket="acme", region="eu-west-1", endpoint_url="https://s3.dualstack.eu-west-1.amazonaws.com"
        ),
    ],
)
def test_an_address_of_amazons_that_needs_its_rules_is_left_to_botocore(
    tmp_path: Path, location: S3Location
) -> None:
    assert access(tmp_path, KEYS, location=location) is None


@pytest.mark.parametrize(
    "region", ["", "aws-global", "fips-us-west-2", "us-west-2-fips", "a b", "us_east", "1234"]
)
def test_a_region_that_is_not_signed_for_as_it_is_written_is_left_to_botocore(
    tmp_path: Path, region: str
) -> None:
    here = S3Location(bucket="acme", endpoint_url="http://127.0.0.1:9000")
    assert access(tmp_path, {**KEYS, "AWS_DEFAULT_REGION": region}, location=here) is None
    write(tmp_path, "config", f"[default]\nregion = {region}\n")
    assert access(tmp_path, KEYS, location=here) is None


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://h/a//b",
        "http://h/a/../b",
        "http://h/a%20b",
        "http://h/a b",
        "http://h/\u00e4",
        "HTTPS://h",
        "http://h_x:9000",
        "http://h?",
        "http://h#f",
        "http://h:99999",
        "http://[::zz]",
        "http://[::::]:9000",
        "http://h\n",
        "http://:word@h",
        "http://@h",
        "http://h\\x",
        "s3.example.com",
    ],
)
def test_an_endpoint_that_is_not_signed_as_it_is_written_is_left_to_botocore(
    tmp_path: Path, endpoint: str
) -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL": endpoint}
    assert access(tmp_path, environ, location=S3Location(bucket="acme", region="eu-west-1")) is None


@pytest.mark.parametrize("endpoint", ["http://[::1]:9000", "https://s3.example.com/below/it", "http://h:80/"])
def test_an_endpoint_with_a_path_a_port_or_a_number_is_plain(tmp_path: Path, endpoint: str) -> None:
    environ = {**KEYS, "AWS_ENDPOINT_URL_S3": endpoint, "AWS_ENDPOINT_URL": "http://other"}
    found = access(tmp_path, environ, location=S3Location(bucket="acme", region="eu-west-1"))
    assert found is not None
    assert found.root == f"{endpoint.rstrip('/')}/acme"


def test_a_token_never_goes_with_keys_of_another_file(tmp_path: Path) -> None:
    keys = "[default]\naws_access_key_id = {0}\naws_secret_access_key = {0}\n"
    write(tmp_path, "config", keys.format("C") + "aws_session_token = TC\n")
    write(tmp_path, "credentials", keys.format("D"))
    found = access(tmp_path, {})
    assert found is not None
    assert found.credentials == Credentials(access_key_id="D", secret_access_key="D")
    write(tmp_path, "config", keys.format("C"))
    write(tmp_path, "credentials", "[default]\naws_session_token = TD\n")
    found = access(tmp_path, {})
    assert found is not None
    assert found.credentials == Credentials(access_key_id="C", secret_access_key="C")


@pytest.mark.parametrize(
    "half", [{"AWS_ACCESS_KEY_ID": "A"}, {"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": ""}]
)
def test_half_a_key_in_the_environment_is_not_replaced_by_another(
    tmp_path: Path, half: Mapping[str, str]
) -> None:
    write(tmp_path, "credentials", "[default]\naws_access_key_id = D\naws_secret_access_key = D\n")
    assert access(tmp_path, half) is None


def test_variables_and_tildes_in_the_paths_of_the_files_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own").write_text("[default]\nregion = sa-east-1\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for path, region in (
        ("$HOME/own", "sa-east-1"),
        ("~/own", "sa-east-1"),
        ("~nobody-of-that-name/x", "us-east-1"),
    ):
        here = S3Location(bucket="acme", endpoint_url="http://127.0.0.1:9000")
        found = access(tmp_path, {**KEYS, "AWS_CONFIG_FILE": path}, location=here)
        assert found is not None
        assert found.region == region


def test_a_proxy_that_botocore_does_not_know_is_left_alone(tmp_path: Path) -> None:
    there = S3Location(bucket="acme", region="eu-west-1")
    assert access(tmp_path, {**KEYS, "https_proxy": "http://proxy:3128"}, location=there) is not None
    assert access(tmp_path, {**KEYS, "ALL_PROXY": "http://proxy:3128"}, location=there) is None
