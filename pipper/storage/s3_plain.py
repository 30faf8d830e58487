"""Whether a bucket is asked in the plain way: keys that are simply there, an address that follows from few words.

botocore knows dozens of ways to find credentials and an address, and needs 0.4 s to look at them all. Most machines
use the plain one, which can be told from the environment and two files. As soon as anything is said here that this
module does not know, the answer is None, and botocore decides.
"""

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, urlsplit

from pipper.core.access import Credentials
from pipper.storage.s3_location import S3Location

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TOKENS = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
_PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_FILES = {"AWS_CONFIG_FILE": ".aws/config", "AWS_SHARED_CREDENTIALS_FILE": ".aws/credentials"}
_HARMLESS = frozenset(
    {
        *("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_CA_BUNDLE", "AWS_PAGER", "AWS_DEFAULT_OUTPUT"),
        *("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_EC2_METADATA_DISABLED", "AWS_EXECUTION_ENV"),
        *("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"),
        *("AWS_CLI_AUTO_PROMPT", "AWS_DEFAULT_ACL"),
    }
)
_KNOWN = _HARMLESS.union(_KEYS, _TOKENS, _PROFILES, _ENDPOINTS, _FILES)
_SETTINGS = frozenset(
    {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "output", "cli_pager"}
)
_REGION = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-(?!gov-)[a-z]+-[0-9]")
"""Those whose hosts end in `.amazonaws.com`."""
_BUCKET = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""What may stand in a host's name under a certificate of Amazon's; any other is botocore's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAccess:
    """Everything that a signed request needs."""

    root: str
    """URL of the bucket, without a slash at the end."""
    region: str
    """That a signature names."""
    credentials: Credentials = field(repr=False)
    ca_file: Path | None
    """More certificates."""


def plain_access(
    location: S3Location,
    *,
    credentials: Credentials | None,
    profile: str | None,
    environ: Mapping[str, str],
    home: Path,
) -> PlainAccess | None:
    """Return how to ask for `location`, found as botocore would find it; None where that is botocore's to say."""
    told = {name: value for name, value in environ.items() if name.startswith(("AWS_", "BOTO"))}
    if not _KNOWN.issuperset(told):
        return None
    settings = _settings(profile or _first(told, _PROFILES), told, home)
    if settings is None:
        return None
    found = credentials or (None if profile else _of_environment(told)) or _of_settings(settings)
    region = location.region or told.get("AWS_DEFAULT_REGION") or settings.get("region", "")
    root = _root(location, location.endpoint_url or _first(told, _ENDPOINTS), region)
    if found is None or not root or _is_proxied(root, environ):
        return None
    bundle = told.get("AWS_CA_BUNDLE")
    return PlainAccess(
        root=root,
        region=region or "us-east-1",
        credentials=found,
        ca_file=Path(bundle) if bundle else None,
    )


def _settings(profile: str, told: Mapping[str, str], home: Path) -> dict[str, str] | None:
    """What both files say of the profile; None for a profile that is not there and for what is not plain."""
    settings: dict[str, str] = {}
    seen = not profile
    for variable, usual in _FILES.items():
        parser = configparser.RawConfigParser(default_section="")
        path = Path(told[variable]).expanduser() if variable in told else home / usual
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, UnicodeDecodeError, configparser.Error):
            return None
        section = profile or "default"
        if variable == "AWS_CONFIG_FILE" and section != "default":
            section = f"profile {section}"
        if parser.has_section(section):
            seen = True
            said = dict(parser.items(section))
            if not _SETTINGS.issuperset(said) or ("aws_access_key_id" in said) != (
                "aws_secret_access_key" in said
            ):
                return None
            settings.update(said)
    return settings if seen else None


def _of_environment(told: Mapping[str, str]) -> Credentials | None:
    key, secret = (told.get(name, "") for name in _KEYS)
    if not key or not secret:
        return None
    return Credentials(
        access_key_id=key, secret_access_key=secret, session_token=_first(told, _TOKENS) or None
    )


def _of_settings(settings: Mapping[str, str]) -> Credentials | None:
    key, secret = settings.get("aws_access_key_id", ""), settings.get("aws_secret_access_key", "")
    if not key or not secret:
        return None
    return Credentials(
        access_key_id=key,
        secret_access_key=secret,
        session_token=settings.get("aws_session_token") or None,
    )


def _root(location: S3Location, endpoint: str, region: str) -> str:
    """The bucket's URL: below an endpoint that is given by its path, else a host of Amazon's; empty if neither."""
    if endpoint:
        parts = urlsplit(endpoint)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
            return ""
        if parts.hostname.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            return ""
        return f"{endpoint.rstrip('/')}/{quote(location.bucket)}"
    if not _REGION.fullmatch(region) or not _BUCKET.fullmatch(location.bucket):
        return ""
    return f"https://{location.bucket}.s3.{region}.amazonaws.com"


def _is_proxied(root: str, environ: Mapping[str, str]) -> bool:
    """Whether botocore would send a plain http request through a proxy, which the pool here would not."""
    return root.startswith("http:") and any(
        environ.get(name) for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY")
    )


def _first(told: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((told[name] for name in names if told.get(name)), "")
