"""Choose certificates and the proxy for a URL, and keep urllib3's connection pools for both."""

import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipper.core.urls import split_url
from pipper.errors import UsageError
from pipper.system.os_errors import os_errors

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

_CONNECTIONS = 32
CONNECT_SECONDS, READ_SECONDS = 10, 60
"""Timeouts of a request, also for boto3."""
_CERTIFICATES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")


class Pool:
    """Sends requests; for any number of threads. Imports and reads nothing before the first one."""

    def __init__(self, environ: Mapping[str, str], ca_file: Path | None = None) -> None:
        self._environ = environ
        self._ca_file = ca_file
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, bool], PoolManager] = {}

    def get(self, url: str, headers: Mapping[str, str], *, posted: bytes | None = None) -> "BaseHTTPResponse":
        """Return the response to a GET, or to a POST of `posted`, with its open body, not decoded.

        Redirects are not followed.

        Raises MachineError for certificates that cannot be read, UsageError for an invalid proxy URL, and what
        urllib3 raises.
        """
        key = (_proxy(url, self._environ), url.startswith("https:"))
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._open(*key)
        response = self._managers[key].request(
            "GET" if posted is None else "POST",
            url,
            body=posted,
            headers=headers,
            redirect=False,
            retries=False,
            preload_content=False,
        )
        response.decode_content = False  # the bytes as they are stored, even if compressed
        return response

    def _open(self, proxy: str, secure: bool) -> "PoolManager":
        from pipper.http.timely import POOLS  # noqa: PLC0415 - as below

        manager = self._manager(proxy, secure)
        manager.pool_classes_by_scheme = POOLS
        return manager

    def _manager(self, proxy: str, secure: bool) -> "PoolManager":
        import urllib3  # noqa: PLC0415 - 60 ms that most commands do without

        timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=READ_SECONDS)
        # Reading all certificates takes 30 ms; http to this machine does not need them.
        context = _tls(self._environ, self._ca_file) if secure else None
        if not proxy:
            return urllib3.PoolManager(
                _CONNECTIONS, maxsize=_CONNECTIONS, timeout=timeout, ssl_context=context
            )
        parts = split_url(proxy)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise _not_a_proxy()
        account = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
        try:
            return urllib3.ProxyManager(
                f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}",
                _CONNECTIONS,
                proxy_headers=urllib3.make_headers(proxy_basic_auth=account) if account != ":" else None,
                maxsize=_CONNECTIONS,
                timeout=timeout,
                ssl_context=context,
            )
        except (urllib3.exceptions.LocationParseError, UnicodeError) as error:
            raise _not_a_proxy() from error


def _not_a_proxy() -> UsageError:
    return UsageError(
        "HTTPS_PROXY (or ALL_PROXY) is not a proxy URL", hint="set HTTPS_PROXY=http://HOST:PORT"
    )


def _tls(environ: Mapping[str, str], ca_file: Path | None) -> ssl.SSLContext:
    """Return a context with the system's certificates, those of the variables, and those of `ca_file`."""
    context = ssl.create_default_context()
    given = [Path(environ[name]) for name in _CERTIFICATES if environ.get(name)]
    for path in [*given, ca_file] if ca_file else given:
        hint = "correct SSL_CERT_FILE, REQUESTS_CA_BUNDLE or pip's `cert`"
        with os_errors("read the certificates in", path, hint=hint):  # an SSLError is an OSError
            context.load_verify_locations(*((None, path) if path.is_dir() else (path, None)))
    return context


def _proxy(url: str, environ: Mapping[str, str]) -> str:
    """Return the proxy for a URL from `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY`; empty for a direct connection."""

    def variable(name: str) -> str:
        return environ.get(name.lower()) or environ.get(name) or ""

    parts = split_url(url)
    found = variable("HTTPS_PROXY") or variable("ALL_PROXY") if parts.scheme == "https" else ""
    if not found or _is_direct(parts.hostname or "", variable("NO_PROXY")):
        return ""
    return found if "://" in found else f"http://{found}"


def _is_direct(host: str, listed: str) -> bool:
    domains = [entry.strip().partition(":")[0].lstrip(".").lower() for entry in listed.split(",")]
    return host in ("localhost", "127.0.0.1", "::1") or any(
        domain in ("*", host) or (domain and host.endswith(f".{domain}")) for domain in domains
    )
