"""Connections whose answers arrive in time. A heavy import, so import it where a request is sent.

The timeout of a socket counts from one byte to the next: a server that sends a byte now and then holds a client for
as long as it likes. Here the headers, and each read of the body, have a deadline in all.
"""

import http.client
import io
import socket
import time
from typing import Any

import urllib3  # whole, before its parts: another thread may be importing it at this moment
from urllib3.connection import HTTPConnection, HTTPSConnection

HEAD_SECONDS = 60.0
"""From the request to the last header."""
READ_SECONDS = 60.0
"""For one read of the body, which returns what has arrived."""
WHOLE_SECONDS = 300.0
"""For a read of the whole body at once."""


class _Timed(io.RawIOBase):
    """A socket as a file; raises TimeoutError after `ends`."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        super().__init__()
        self._raw, self._sock = raw, sock
        self._longest = sock.gettimeout()
        self.ends = time.monotonic() + HEAD_SECONDS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the response is too slow")
        self._sock.settimeout(left if self._longest is None else min(left, self._longest))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    """A response with deadlines."""

    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self._timed = _Timed(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._timed)

    def read1(self, n: int = -1) -> bytes:
        self._timed.ends = time.monotonic() + READ_SECONDS
        return super().read1(n)

    def read(self, amt: int | None = None) -> bytes:
        self._timed.ends = time.monotonic() + WHOLE_SECONDS
        return super().read(amt)


class _Connection(HTTPConnection):
    response_class = _Response


class _SecureConnection(HTTPSConnection):
    response_class = _Response


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


POOLS: dict[str, Any] = {"http": _Pool, "https": _SecurePool}
"""For `PoolManager.pool_classes_by_scheme`."""
