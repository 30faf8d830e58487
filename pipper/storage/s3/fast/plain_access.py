"""Find the credentials and the address of a bucket in the simple cases, without botocore.

botocore has dozens of sources for credentials and addresses, and needs 0.4 s for them. Most machines use the
environment and two files with static keys. If these contain anything that this module does not know, the result is
None, and botocore decides.
"""

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from msgspec import Struct

from pipper.core.access import Credentials
from pipper.core.urls import split_url
from pipper.storage.s3.location import S3Location
from pipper.storage.s3.shared_files import FILES, PROFILES, shared_file

_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TOKENS = ("AWS_SECURITY_TOKEN", "AWS_SESSION_TOKEN")
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_HARMLESS = frozenset(
    {
        *("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_CA_BUNDLE", "AWS_PAGER", "AWS_DEFAULT_OUTPUT"),
        *("AWS_MAX_ATTEMPTS", "AWS_RETRY_MODE", "AWS_EC2_METADATA_DISABLED", "AWS_EXECUTION_ENV"),
        *("AWS_REQUEST_CHECKSUM_CALCULATION", "AWS_RESPONSE_CHECKSUM_VALIDATION"),
        *("AWS_CLI_AUTO_PROMPT", "AWS_DEFAULT_ACL"),
    }
)
_KNOWN = _HARMLESS.union(_KEYS, _TOKENS, PROFILES, _ENDPOINTS, FILES)
_SETTINGS = frozenset(
    {"aws_access_key_id", "aws_secret_access_key", "aws_session_token", "region", "output", "cli_pager"}
)
_PROFILE = re.compile(r"(?!DEFAULT\Z)[A-Za-z0-9_.@+-]+")
"""Names that need no quotes in a section, and so mean the same in both files."""
_VALUE = re.compile(r"[!-~]+")
"""Characters that a header may contain."""
_REGION = re.compile(r"(?!.*(?:fips|global))(?![0-9-])[A-Za-z0-9-]{1,62}[A-Za-z0-9]")
"""Regions that are signed as they are written."""
_REGION_OF_AMAZON = re.compile(r"(af|ap|ca|eu|il|me|mx|sa|us)-(?!gov-)[a-z]+-[0-9]")
"""Regions whose hosts end in `.amazonaws.com`."""
_OLDEST_REGION = "us-east-1"
_BUCKET = re.compile(r"(?!.*(?:--|-s3alias\Z))[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""Names of ordinary buckets that a host name under Amazon's certificate may contain."""
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ENDPOINT = re.compile(
    rf"https?://(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:]+\])(?::[0-9]{{1,5}})?(?:/[\w~-][\w.~-]*)*/?",
    re.ASCII,
)
"""URLs that every library parses in the same way, and signs as they are written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainAccess:
    """The address and the credentials for signed requests."""

    root: str
    """The URL of the bucket, without a slash at the end."""
    region: str
    """For signatures."""
    credentials: Credentials = field(repr=False)
    ca_file: Path | None
    """Additional certificates (`AWS_CA_BUNDLE`)."""
    request_payer: bool = False
    """Whether the requester pays."""


def plain_access(
    location: S3Location,
    *,
    credentials: Credentials | None,
    profile: str | None,
    environ: Mapping[str, str],
    home: Path,
    request_payer: bool = False,
) -> PlainAccess | None:
    """Return the access to `location` that botocore would find; None if only botocore can decide."""
    variables = {name: value for name, value in environ.items() if name.startswith(("AWS_", "BOTO"))}
    if not _KNOWN.issuperset(variables):
        return None
    # botocore distinguishes an empty variable from an unset one
    named = (
        profile
        if profile is not None
        else next((variables[name] for name in PROFILES if name in variables), None)
    )
    settings = _profile(named, variables, home)
    keys = variables.get(_KEYS[0]) if profile is None else None
    own = {name.lower(): value for name, value in variables.items()}
    found = credentials or (_credentials(own) if keys else settings and settings.credentials)
    if settings is None or not found or not _is_sendable(found):
        return None
    regions = (location.region, variables.get("AWS_DEFAULT_REGION"), settings.region)
    region = next((each for each in regions if each is not None), None)
    endpoint = location.endpoint_url or variables.get(_ENDPOINTS[0]) or variables.get(_ENDPOINTS[1]) or ""
    root = _root(location.bucket, endpoint, region)
    if not root or _is_proxied(root, environ):
        return None
    bundle = variables.get("AWS_CA_BUNDLE")
    return PlainAccess(
        root=root,
        region=region or _OLDEST_REGION,
        credentials=found,
        ca_file=Path(bundle) if bundle else None,
        request_payer=request_payer,
    )


class _Profile(Struct, frozen=True, kw_only=True):
    region: str | None
    credentials: Credentials | None


def _profile(named: str | None, variables: Mapping[str, str], home: Path) -> _Profile | None:
    """Return the settings of a profile from both files; None if it is missing or not simple."""
    if named is not None and not _PROFILE.fullmatch(named):
        return None
    name = named or "default"
    try:
        config = _section(shared_file("AWS_CONFIG_FILE", variables, home), name, is_config=True)
        own = _section(shared_file("AWS_SHARED_CREDENTIALS_FILE", variables, home), name, is_config=False)
    except (OSError, ValueError, configparser.Error):
        return None
    if named is not None and config is None and own is None:
        return None
    # Keys and token come from one file. Other settings come from both; the credentials file takes precedence.
    keys = next((section for section in (own, config) if section and "aws_access_key_id" in section), {})
    return _Profile(region={**(config or {}), **(own or {})}.get("region"), credentials=_credentials(keys))


def _section(path: Path, name: str, *, is_config: bool) -> Mapping[str, str] | None:
    """Return a profile's section of a file, or None; raises ValueError if only botocore can read the file."""
    if not path.is_file():
        return None
    parser = configparser.RawConfigParser()
    parser.read_string(path.read_text(encoding="utf-8"))
    profiles = [section for section in parser.sections() if is_config and section.startswith("profile")]
    odd = [section for section in profiles if not _PROFILE.fullmatch(section.removeprefix("profile "))]
    if parser.defaults() or odd or "profile default" in profiles:
        raise ValueError("sections with quotes or defaults")
    section = f"profile {name}" if is_config and name != "default" else name
    if not parser.has_section(section):
        return None
    settings = dict(parser.items(section))
    halves = ("aws_access_key_id" in settings) != ("aws_secret_access_key" in settings)
    if halves or not _SETTINGS.issuperset(settings) or any("\n" in value for value in settings.values()):
        raise ValueError("settings that are not simple")
    return settings


def _credentials(settings: Mapping[str, str]) -> Credentials | None:
    if "aws_access_key_id" not in settings:
        return None
    return Credentials(
        access_key_id=settings["aws_access_key_id"],
        secret_access_key=settings.get("aws_secret_access_key", ""),
        session_token=settings.get("aws_security_token") or settings.get("aws_session_token") or None,
    )


def _is_sendable(keys: Credentials) -> bool:
    values = (keys.access_key_id, keys.secret_access_key, keys.session_token or "-")
    return all(_VALUE.fullmatch(value) for value in values)


def _root(bucket: str, endpoint: str, region: str | None) -> str:
    """Return the bucket's URL: a path below a given endpoint, else a host of Amazon's; empty if neither is simple."""
    if region is not None and not _REGION.fullmatch(region):
        return ""
    if endpoint:
        return _below(endpoint, bucket)
    if region is None or not _REGION_OF_AMAZON.fullmatch(region) or not _BUCKET.fullmatch(bucket):
        return ""
    host = "s3" if region == _OLDEST_REGION else f"s3.{region}"
    return f"https://{bucket}.{host}.amazonaws.com"


def _below(endpoint: str, bucket: str) -> str:
    if not _ENDPOINT.fullmatch(endpoint) or "--" in bucket or ":" in bucket:
        return ""
    parts = split_url(endpoint)
    host = parts.hostname or ""
    usable = host and parts.port != 0 and not host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".aws"))
    return f"{endpoint.rstrip('/')}/{quote(bucket)}" if usable else ""


def _is_proxied(root: str, environ: Mapping[str, str]) -> bool:
    """Return whether variables are set that botocore and `Pool` interpret differently."""
    names = ("all_proxy", "http_proxy") if root.startswith("http:") else ("all_proxy",)
    return any(environ.get(name) or environ.get(name.upper()) for name in names)
