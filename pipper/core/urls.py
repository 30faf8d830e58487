"""URLs: which may be read, their origin, and how they are shown. The redaction of secrets in text is here too."""

import ipaddress
import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, unquote, urlsplit

_CONTROL = re.compile(r"[\x00-\x20\x7f\\]")
_NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)\.?", re.IGNORECASE)
_METADATA = frozenset(
    # Where clouds hand out credentials to whoever asks from the machine itself, beside the link-local address.
    {ipaddress.ip_address("fd00:ec2::254"), ipaddress.ip_address("100.100.100.200")}
)
_SIGNED = frozenset({"signature", "awsaccesskeyid", "sig"})
_SIGNED_QUERY = re.compile(
    r"\?[^\s'\"`<>]*(?:X-Amz-|Signature=|AWSAccessKeyId=|(?<=[?&;])sig=)[^\s'\"`<>]*", re.IGNORECASE
)
_SCHEME = re.compile(r"://|[A-Za-z][A-Za-z0-9+.-]+:[/\\]+")
"""Also with one slash: pathlib makes `https:/host` of `https://host`."""
_TOKEN = re.compile(r"[^\s\"`<>]*")
_HOST = re.compile(r"[^:@\[\]]+|\[[^@\]]+\]")
_HOST_AND_PORT = re.compile(r"(?:[^:@]+\.[^:@]+|localhost|\[[^@\]]+\]):[0-9]{1,5}", re.IGNORECASE)
_MOST_SECONDS = 10**10
_PORTS = {"http": 80, "https": 443}


def url_fault(url: str) -> str:
    """Tell why nothing may be read from `url`; empty where it may.

    It may where it is https, or http to this very machine, without a user name, and not to a link-local
    address or another one that hands out credentials.
    """
    fault, is_plain_elsewhere = _judged(url)
    return fault or ("http is read from this machine only" if is_plain_elsewhere else "")


def index_url_fault(url: str) -> str:
    """Tell why `url` cannot stand in a lock for a file of the index; empty where it can.

    An index may be configured on http or in a folder, so these pass here; whoever reads them holds them against
    the index that is configured.
    """
    if url.startswith("file:///") and not _CONTROL.search(url):
        return "it leads elsewhere" if ".." in unquote(url).split("/") else ""
    return _judged(url)[0]


def _judged(url: str) -> tuple[str, bool]:
    """What is wrong with a URL, and whether it is http to another machine."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        usable = bool(host) and (parts.port is None or parts.port > 0)
        address = _address(host)
    except ValueError:
        return "it is no URL", False
    if parts.scheme and parts.scheme not in ("http", "https"):
        return f"`{parts.scheme}` is not read, https is", False
    if not parts.scheme or not usable or _CONTROL.search(url):
        return "it is no URL", False
    if parts.username is not None or parts.password is not None:
        return "it holds a user name or a password", False
    if address is not None and (address.is_link_local or address in _METADATA):
        return "it names a link-local address", False
    is_local = host == "localhost" or (address is not None and address.is_loopback)
    return "", parts.scheme == "http" and not is_local


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address a host is written as; raises ValueError for a number in one of the spellings of `inet_aton`."""
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        if _NUMBER.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without user names and passwords in URLs, queries of signed URLs, and the given `secrets`."""
    pieces, at = [], 0
    for scheme in _SCHEME.finditer(text):
        begin = scheme.end()
        token = _TOKEN.match(text, begin)
        if begin >= at and token and (length := _account_length(token[0])):
            pieces += [text[at:begin], "****@"]
            at = begin + length
    cut = _SIGNED_QUERY.sub("?****", "".join([*pieces, text[at:]]))
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        cut = cut.replace(secret, "****")
    return cut


def shown(url: str) -> str:
    """Return a URL as messages have it: without user name, query and fragment, which may hold a secret."""
    return re.split(r"[?#]", without_account(url), maxsplit=1)[0]


def without_account(url: str) -> str:
    """Return a URL without user name and password."""
    scheme = _SCHEME.search(url)
    begin = scheme.end() if scheme else len(url)
    return url[:begin] + url[begin + _account_length(url[begin:]) :]


def has_account(url: str) -> bool:
    """Tell whether a URL holds a user name or a password."""
    return without_account(url) != url


def _account_length(rest: str) -> int:
    """Return how much of what follows `://` is user name, password and `@`; 0 where there is no account.

    RFC 3986 ends the authority at the first `/`, `?` or `#`, but people write passwords with these raw. So a
    password goes to the last `@`, and what looks like a port may be a password unless a full host is before it.
    """
    user, sign, host = re.split(r"[/?#\\]", rest, maxsplit=1)[0].rpartition("@")
    if ":" not in user and sign and _HOST.fullmatch(host):
        return len(user) + 1
    if not sign and (":" not in host or _HOST_AND_PORT.fullmatch(host)):
        return 0
    return rest.rfind("@") + 1


def is_signed(url: str) -> bool:
    """Tell whether a URL carries a right to read."""
    return any(name.startswith("x-amz-") or name in _SIGNED for name in _query(url))


def signed_until(url: str) -> datetime | None:
    """Return when the signature of a URL ends (SigV4, or SigV2 as 0.x signs); None where that is not said."""
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
    """Return scheme, host and port of a URL (RFC 6454); empty and 0 for one that cannot be read."""
    try:
        parts = urlsplit(url)
        return parts.scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(parts.scheme, 0)
    except ValueError:
        return "", "", 0


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine by its name alone."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def may_be_asked(url: str, index_url: str) -> bool:
    """Tell whether a file of the index may be read from `url`.

    It may over https, from the origin of the configured index whatever its scheme, and over http from this
    machine where the index is there too.
    """
    scheme, host, _ = origin(url)
    if scheme == "https":
        return bool(host)
    own = origin(index_url)
    if scheme == "file":
        return own[0] == "file"
    return scheme == "http" and (origin(url) == own or (is_loopback(host) and is_loopback(own[1])))


def plain(url: str) -> str:
    """Return a URL as it may stand in a lock: without user name, password, query (signatures) and fragment."""
    url = url.partition("#")[0].partition("?")[0]
    scheme, separator, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + separator + host.rpartition("@")[2] + slash + path if "@" in host else url
