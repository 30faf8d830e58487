"""URLs: which ones are safe to read, their origin, and whether they are signed.

`urllib.parse` raises ValueError for a malformed URL. No other module calls it: `split_url` and `join_url` never raise.
"""

import ipaddress
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urljoin, urlsplit

_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_NOT_IN_URLS = re.compile(r"[^!-\[\]-~]")
"""A space, a backslash, a control character, and what is not ASCII."""
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE)
_METADATA = frozenset(
    # Besides the link-local address, here clouds give credentials to any process on the machine.
    {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}
)
_SIGNED = frozenset({"signature", "awsaccesskeyid", "sig"})
_MOST_SECONDS = 10**10
_PORTS = {"http": 80, "https": 443}
_ACCESS_POINT = re.compile(
    r"s3://(?P<arn>arn:[a-z-]+:s3(?:-outposts)?:[a-z0-9-]*:[0-9]{12}:"
    r"(?:outpost[/:][a-z0-9-]+[/:])?accesspoint[/:][a-z0-9.-]+)(?P<path>(?:/[^?#@\\s]*)?)"
)
"""The URL of an access point, whose ARN has colons and may have a slash, as the AWS CLI takes it."""
_PATH = re.compile(r"(~|\.{0,2})[/\\]|[A-Za-z]:[/\\]")
_INVALID = SplitResult("", "", "", "", "")


def is_path(text: str) -> bool:
    """Return whether a text can be nothing but a path: `.`, `..`, `./x`, `../x`, `~/x`, `/x`, or with a drive."""
    return text in (".", "..") or _PATH.match(text) is not None


def split_url(url: str) -> SplitResult:
    """Return the parts of a URL (RFC 3986); all are empty if it is malformed, also in its host or its port."""
    try:
        parts = urlsplit(url)
        parts.hostname, parts.port  # noqa: B018 - each is parsed when it is read
        return parts
    except ValueError:
        return _INVALID


def split_s3_url(url: str) -> tuple[str, str]:
    """Return the bucket of an `s3://` URL, or the ARN of its access point, and the path behind it.

    Both are empty for another URL, and for one with a user name, a query or a fragment.
    """
    if found := _ACCESS_POINT.fullmatch(url):
        return found["arn"], found["path"]
    parts = split_url(url)
    if parts.scheme != "s3" or "@" in parts.netloc or parts.query or parts.fragment:
        return "", ""
    return parts.netloc, parts.path


def is_access_point(bucket: str) -> bool:
    """Return whether this is the ARN of an access point of S3."""
    return bucket.startswith("arn:") and split_s3_url(f"s3://{bucket}") == (bucket, "")


def quoted_url(url: str) -> str:
    """Return a URL with the characters percent-encoded that none may have (RFC 3986); what is encoded stays so."""
    return quote(url, safe="%/:=&?~#+!$,;'@()*[]|") if _NOT_IN_URLS.search(url) else url


def join_url(base: str, link: str) -> str:
    """Return a link on the page `base` as an absolute URL; an empty text if it is malformed."""
    try:
        return urljoin(base, link)
    except ValueError:
        return ""


def url_fault(url: str) -> str:
    """Return why `url` is not safe to read; empty if it is.

    Safe is https, or http to this machine, without a user name, and not to an address where clouds give
    credentials (link-local and others).
    """
    fault, is_plain_elsewhere = _judged(url)
    return fault or ("http is allowed for this machine only" if is_plain_elsewhere else "")


def index_url_fault(url: str) -> str:
    """Return why `url` is not allowed in a lock for a file of the index; empty if it is.

    The configured index may use http or a folder, so both are allowed here; the reader compares them with the
    configured index.
    """
    if url.startswith("file:///") and not _CONTROL.search(url):
        return "it contains `..`" if ".." in unquote(url).split("/") else ""
    return _judged(url)[0]


def _judged(url: str) -> tuple[str, bool]:
    """Return what is wrong with a URL, and whether it is http to another machine."""
    parts = split_url(url)
    host = parts.hostname or ""
    try:
        address = _address(host)
    except ValueError:
        return "it is not a URL", False
    usable = bool(host) and parts.port != 0
    if parts.scheme and parts.scheme not in ("http", "https"):
        return f"the scheme is `{parts.scheme}`, not https", False
    if not parts.scheme or not usable or _CONTROL.search(url):
        return "it is not a URL", False
    if parts.username is not None or parts.password is not None:
        return "it contains a user name or a password", False
    if address is not None and (address.is_link_local or address in _METADATA):
        return "it is a link-local address", False
    is_local = host == "localhost" or (address is not None and address.is_loopback)
    return "", parts.scheme == "http" and not is_local


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Return the IP address of a host, None for a name; raises ValueError for a number as `inet_aton` accepts it."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def is_signed(url: str) -> bool:
    """Return whether a URL is signed and grants read access."""
    return any(name.startswith("x-amz-") or name in _SIGNED for name in _query(url))


def signed_until(url: str) -> datetime | None:
    """Return when the signature of a URL expires (SigV4, or SigV2 as in 0.x); None where the URL does not state it."""
    query = _query(url)
    try:
        if "x-amz-expires" in query:
            begins = datetime.strptime(query.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return begins + timedelta(seconds=min(int(query["x-amz-expires"]), _MOST_SECONDS))
        if "expires" in query and _SIGNED & query.keys():
            return datetime.fromtimestamp(min(int(query["expires"]), _MOST_SECONDS), UTC)
    except (ValueError, OverflowError):
        return None
    return None


def _query(url: str) -> dict[str, str]:
    query = url.partition("#")[0].partition("?")[2]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    return {name.lower(): value for name, value in pairs}


def origin(url: str) -> tuple[str, str, int]:
    """Return scheme, host and port of a URL (RFC 6454); empty and 0 for an invalid one."""
    parts = split_url(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine, judged by its name alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_allowed_file_url(url: str, index_url: str) -> bool:
    """Return whether a file of the index may be read from `url`.

    Allowed are https, the origin of the configured index with any scheme, and http to this machine if the index
    is on this machine too.
    """
    scheme, host, _ = origin(url)
    if scheme == "https":
        return bool(host)
    own = origin(index_url)
    if scheme == "file":
        return own[0] == "file"
    return scheme == "http" and (origin(url) == own or (is_loopback(host) and is_loopback(own[1])))


def plain(url: str) -> str:
    """Return a URL for a lock: without user name, password, query (signatures) and fragment."""
    url = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path if "@" in host else url
