"""Send signed GETs to a bucket over one pool of connections, without the 0.4 s and 3 ms per request of boto3's client.

It handles successful responses and absent keys. For any other response it returns None; the caller then uses boto3,
which handles regions, redirects, throttling and refusals.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, unquote_plus, urlencode
from xml.etree import ElementTree

from pipper import __version__
from pipper.core.access import Credentials
from pipper.core.urls import split_url
from pipper.errors import PipperError
from pipper.http.errors import host_of
from pipper.http.pool import Pool
from pipper.storage.keys import absent
from pipper.storage.s3.fast.plain_access import PlainAccess
from pipper.storage.s3.listing import bare

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef
    from urllib3 import BaseHTTPResponse

_LONGEST_ERROR, _LONGEST_PAGE = 1 << 16, 1 << 24  # bytes
_ATTEMPTS = 2
_LENGTH = re.compile(r"[0-9]{1,18}")
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/(?:[0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A successful response to a GET, with its unread body."""

    etag: str
    """As it was sent, with its quotes."""
    size: int | None
    """Bytes of the body; None if only the end of a chunked body shows it."""
    headers: Mapping[str, str] = field(repr=False)
    """To be asked for by names in lower case."""
    body: "BaseHTTPResponse" = field(repr=False)


def size_of(headers: Mapping[str, str]) -> int | None:
    """Return the bytes of a body: its length, or that of its range; None if neither is given."""
    if _LENGTH.fullmatch(length := headers.get("content-length", "")):
        return int(length)
    if found := _RANGE.fullmatch(headers.get("content-range", "")):
        return int(found[2]) - int(found[1]) + 1
    return None


def has_end(headers: Mapping[str, str]) -> bool:
    """Return whether a body that breaks off can be told from a whole one (RFC 9112, section 8)."""
    return size_of(headers) is not None or "chunked" in headers.get("transfer-encoding", "").lower()


class _SigningKeys:
    """The same as botocore's `ReadOnlyCredentials`, whose module takes 30 ms to import."""

    def __init__(self, keys: Credentials) -> None:
        self.access_key = keys.access_key_id
        self.secret_key = keys.secret_access_key
        self.token = keys.session_token


class Direct:
    """Reads one bucket; for any number of threads. Imports and sends nothing before the first request."""

    def __init__(self, access: PlainAccess, environ: Mapping[str, str]) -> None:
        self._access = access
        self._pool = Pool(environ, access.ca_file)
        self.is_useful = True
        """Whether it understood all responses so far; otherwise its requests are a waste."""

    @property
    def host(self) -> str:
        """The host of the requests."""
        return host_of(self._access.root)

    @property
    def root(self) -> str:
        """The URL of the bucket."""
        return self._access.root

    @property
    def region(self) -> str:
        """The region in the signatures."""
        return self._access.region

    def get(self, key: str, span: str, *, subject: str, checksum: bool = False) -> Opened | None:
        """Return the open body of `key`, or of its `span` (a `Range` header; empty for everything).

        With `checksum`, ask for that, too. Raises ObjectAbsentError, naming the `subject`, if S3 answers NoSuchKey.
        """
        headers = {"Range": span, "x-amz-checksum-mode": "ENABLED" if checksum else ""}
        response = self._send(f"/{quote(key)}", {name: value for name, value in headers.items() if value})
        if response is None:
            return None
        etag = response.headers.get("ETag", "")
        if response.status == (206 if span else 200) and has_end(response.headers) and etag:
            size = size_of(response.headers)
            return Opened(etag=etag, size=size, headers=response.headers, body=response)
        if response.status == 404 and _code(self._text(response, _LONGEST_ERROR)) == "NoSuchKey":
            raise absent(subject)
        response.close()
        # 416 is a normal response to a range.
        if response.status != 416:
            self.is_useful = False
        return None

    def etag(self, key: str, known: str) -> str | None:
        """Return the etag of `key`, bare, empty if there is no such key; None if only boto3 can tell.

        If it is still `known`, which is empty for an absent key, no body is sent.
        """
        headers = {"If-None-Match": f'"{known}"'} if known else {}
        response = self._send(f"/{quote(key)}", headers)
        if response is None:
            return None
        etag = bare(response.headers.get("ETag", ""))
        if response.status == 404 and _code(self._text(response, _LONGEST_ERROR)) == "NoSuchKey":
            return ""
        if known and response.status == 304:
            response.read()
            response.release_conn()
            return known
        response.close()
        if response.status == 200 and etag:
            return etag
        self.is_useful = False
        return None

    def page(self, query: Mapping[str, str]) -> "ListObjectsV2OutputTypeDef | None":
        """Return a page of a listing (ListObjectsV2): the parts of boto3's result that pipper uses."""
        encoded = urlencode({"list-type": "2", "encoding-type": "url", **query}, quote_via=quote)
        # A bucket in the host name has an empty path, which is sent as a slash and must be signed as one.
        slash = "" if split_url(self._access.root).path else "/"
        response = self._send(f"{slash}?{encoded}", {})
        if response is None:
            return None
        status, text = response.status, self._text(response, _LONGEST_PAGE)
        try:
            if status == 200:
                return _listing(_parsed(text))
        except ValueError:
            pass  # not a listing: boto3 names the error
        self.is_useful = False
        return None

    def _send(self, target: str, headers: Mapping[str, str]) -> "BaseHTTPResponse | None":
        # Imported here: it takes 60 ms, and most commands do not need it.
        from urllib3.exceptions import HTTPError, ProtocolError  # noqa: PLC0415

        url = self._access.root + target
        for attempt in range(_ATTEMPTS):
            try:
                return self._pool.get(url, _signed(self._access, url, headers))
            except ProtocolError:
                # A server closes idle connections, and may do so just as one is used again.
                if attempt + 1 < _ATTEMPTS:
                    continue
            except (HTTPError, OSError, PipperError):
                pass
            break
        self.is_useful = False  # boto3 sends the request again, and names the error
        return None

    def _text(self, response: "BaseHTTPResponse", limit: int) -> bytes:
        """Return the body, or nothing if it is incomplete or longer than `limit`."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        try:
            text = response.read(limit + 1)
        except (HTTPError, OSError):
            return b""
        finally:
            response.close()
        return text if len(text) <= limit else b""


def _signed(access: PlainAccess, url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of a GET with AWS Signature Version 4."""
    # Imported here: it takes 50 ms, and commands without S3 do not need it.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    keys = cast("ReadOnlyCredentials", _SigningKeys(access.credentials))
    payer = {"x-amz-request-payer": "requester"} if access.request_payer else {}
    request = AWSRequest("GET", url, headers={"User-Agent": f"pipper/{__version__}", **payer, **headers})
    S3SigV4Auth(keys, "s3", access.region).add_auth(request)
    return dict(request.headers.items())


def _parsed(text: bytes) -> ElementTree.Element:
    try:
        # expat limits the expansion of entities, and botocore uses it for the same responses
        return ElementTree.fromstring(text)  # noqa: S314 - see above
    except (ElementTree.ParseError, LookupError) as error:  # malformed, or of an unknown encoding
        raise ValueError("not XML") from error


def _code(text: bytes) -> str:
    """Return the code of an error document; empty for another document."""
    try:
        return _parsed(text).findtext("{*}Code", "")
    except ValueError:
        return ""


def _listing(root: ElementTree.Element) -> "ListObjectsV2OutputTypeDef":
    """Return a parsed listing; raises ValueError if a mandatory part is missing."""
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise ValueError("not a listing")
    # S3 writes a space as a plus, other servers as %20
    plain = unquote_plus if root.findtext("{*}EncodingType") == "url" else str
    truncated = _part(root, "IsTruncated")
    if truncated not in ("true", "false"):
        raise ValueError("it does not say whether it is truncated")
    listing = {
        "KeyCount": int(root.findtext("{*}KeyCount") or -1),
        "IsTruncated": truncated == "true",
        "NextContinuationToken": root.findtext("{*}NextContinuationToken", ""),
        "CommonPrefixes": [
            {"Prefix": plain(_part(entry, "Prefix"))} for entry in root.iterfind("{*}CommonPrefixes")
        ],
        "Contents": [
            {
                "Key": plain(_part(entry, "Key")),
                "Size": int(_part(entry, "Size")),
                "ETag": _part(entry, "ETag"),
                "LastModified": datetime.fromisoformat(_part(entry, "LastModified")),
            }
            for entry in root.iterfind("{*}Contents")
        ],
    }
    if listing["KeyCount"] == -1:  # older servers do not send it
        del listing["KeyCount"]
    return cast("ListObjectsV2OutputTypeDef", listing)  # without the parts that pipper does not use


def _part(element: ElementTree.Element, name: str) -> str:
    text = element.findtext(f"{{*}}{name}")
    if not text:
        raise ValueError(f"no {name}")
    return text
