"""Signed GETs to a bucket over one pool of connections, without the 0.4 s and 3 ms a request of boto3's client.

It knows good answers only, and absent keys. Whatever else comes is None, and whoever asked has boto3 ask again, which
knows regions, redirects, throttling and what refusals mean.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, cast
from urllib.parse import quote, unquote_plus, urlencode, urlsplit
from xml.etree import ElementTree

from pipper import __version__
from pipper.core.access import Credentials
from pipper.errors import ObjectAbsentError, PipperError
from pipper.http.pool import Pool
from pipper.storage.s3.body import Opened
from pipper.storage.s3.fast.plain_access import PlainAccess

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from mypy_boto3_s3.type_defs import ListObjectsV2OutputTypeDef
    from urllib3 import BaseHTTPResponse

_LONGEST_ERROR, _LONGEST_PAGE = 1 << 16, 1 << 24  # bytes
_ATTEMPTS = 2
_LENGTH = re.compile(r"[0-9]{1,18}")


class _SigningKeys:
    """As botocore's `ReadOnlyCredentials`, whose module takes 30 ms to import."""

    def __init__(self, keys: Credentials) -> None:
        self.access_key = keys.access_key_id
        self.secret_key = keys.secret_access_key
        self.token = keys.session_token


class Direct:
    """Reads one bucket; for any number of threads. Nothing is imported or sent before the first request."""

    def __init__(self, access: PlainAccess, environ: Mapping[str, str]) -> None:
        self._access = access
        self._pool = Pool(environ, access.ca_file)
        self.is_useful = True
        """Whether all answers so far were such as it knows: otherwise asking it is a request more for nothing."""

    @property
    def host(self) -> str:
        """Where requests go."""
        return urlsplit(self._access.root).netloc

    @property
    def region(self) -> str:
        """The region that signatures name."""
        return self._access.region

    def get(self, key: str, span: str, *, subject: str) -> Opened | None:
        """Return the open body of `key`, or of the `span` of it (a `Range` header; empty for everything).

        Raises ObjectAbsentError, naming the `subject`, where S3 says that there is no such key.
        """
        response = self._send(f"/{quote(key)}", {"Range": span} if span else {})
        if response is None:
            return None
        length, etag = response.headers.get("Content-Length", ""), response.headers.get("ETag", "")
        if response.status == (206 if span else 200) and _LENGTH.fullmatch(length) and etag:
            return Opened(etag=etag, size=int(length), body=response)
        if response.status == 404 and _code(self._text(response, _LONGEST_ERROR)) == "NoSuchKey":
            raise ObjectAbsentError(f"there is no {subject}")
        response.close()
        # 416 is an answer to the range, not a sign that anything is out of order here.
        if response.status != 416:
            self.is_useful = False
        return None

    def page(self, query: Mapping[str, str]) -> "ListObjectsV2OutputTypeDef | None":
        """Return a page of a listing (ListObjectsV2) with as much of what boto3 returns as is used here."""
        asked = urlencode({"list-type": "2", "encoding-type": "url", **query}, quote_via=quote)
        # A bucket that is a host's name has an empty path: sent as a slash, it has to be signed as one.
        slash = "" if urlsplit(self._access.root).path else "/"
        response = self._send(f"{slash}?{asked}", {})
        if response is None:
            return None
        status, text = response.status, self._text(response, _LONGEST_PAGE)
        try:
            if status == 200:
                return _listing(_parsed(text))
        except ValueError:
            pass  # no listing of S3's: boto3 says what it is
        self.is_useful = False
        return None

    def _send(self, target: str, headers: Mapping[str, str]) -> "BaseHTTPResponse | None":
        # Here, not above: 60 ms that most commands do without.
        from urllib3.exceptions import HTTPError, ProtocolError  # noqa: PLC0415

        url = self._access.root + target
        for attempt in range(_ATTEMPTS):
            try:
                response = self._pool.send("GET", url, _signed(self._access, url, headers))
            except ProtocolError:
                # A server closes connections that were idle for long, and may do so just as one is used again.
                if attempt + 1 < _ATTEMPTS:
                    continue
            except (HTTPError, OSError, PipperError):
                pass
            else:
                response.decode_content = False  # what was stored compressed is wanted as it is stored
                return response
            break
        self.is_useful = False  # nothing is lost: boto3 asks again, and tells what is wrong
        return None

    def _text(self, response: "BaseHTTPResponse", limit: int) -> bytes:
        """The body, or nothing of one that is longer or breaks off."""
        from urllib3.exceptions import HTTPError  # noqa: PLC0415 - as above

        try:
            text = response.read(limit + 1)
        except (HTTPError, OSError):
            return b""
        finally:
            response.close()
        return text if len(text) <= limit else b""


def _signed(access: PlainAccess, url: str, headers: Mapping[str, str]) -> dict[str, str]:
    """The headers of a GET, with those of AWS's Signature Version 4."""
    # Here, not above: 50 ms that commands without S3 do without.
    from botocore.auth import S3SigV4Auth  # noqa: PLC0415
    from botocore.awsrequest import AWSRequest  # noqa: PLC0415

    keys = cast("ReadOnlyCredentials", _SigningKeys(access.credentials))
    request = AWSRequest("GET", url, headers={"User-Agent": f"pipper/{__version__}", **headers})
    S3SigV4Auth(keys, "s3", access.region).add_auth(request)
    return dict(request.headers.items())


def _parsed(text: bytes) -> ElementTree.Element:
    """Raises ValueError for what is no XML."""
    try:
        # expat bounds what entities grow to, and botocore reads the same answers with it
        return ElementTree.fromstring(text)  # noqa: S314 - see above
    except ElementTree.ParseError as error:
        raise ValueError("no XML") from error


def _code(text: bytes) -> str:
    """The code of an error document; empty for whatever else a server sends."""
    try:
        return _parsed(text).findtext("{*}Code", "")
    except ValueError:
        return ""


def _listing(root: ElementTree.Element) -> "ListObjectsV2OutputTypeDef":
    """Raises ValueError where a part is missing that S3 sends always."""
    if root.tag.rpartition("}")[2] != "ListBucketResult":
        raise ValueError("no listing")
    # S3 writes a space as a plus, other servers as %20
    plain = unquote_plus if root.findtext("{*}EncodingType") == "url" else str
    listing = {
        "IsTruncated": _part(root, "IsTruncated") == "true",
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
    return cast("ListObjectsV2OutputTypeDef", listing)  # without the parts that nobody here reads


def _part(element: ElementTree.Element, name: str) -> str:
    text = element.findtext(f"{{*}}{name}")
    if not text:
        raise ValueError(f"no {name}")
    return text
