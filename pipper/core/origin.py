"""Addresses of an index and of its files: which may be asked, and how they stand in a lock."""

from ipaddress import ip_address
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


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
        return host == "localhost" or ip_address(host).is_loopback
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
