"""Redaction of secrets in text and in URLs. Imports little: every command begins with it.

For the same reason patterns are compiled when a text first needs them, and most texts need none.
"""

import re
from collections.abc import Iterable

_SIGNED_QUERY = r"(?i)\?[^\s'\"`<>?]*(?:X-Amz-|Signature=|AWSAccessKeyId=|(?<=[?&;])sig=)[^\s'\"`<>]*"
_SCHEME = r"://|[A-Za-z][A-Za-z0-9+.-]{1,30}:[/\\]+"
"""Also with one slash: pathlib turns `https://host` into `https:/host`. Bounded, for long words without a colon."""
_LOOSE = r"(?i)(?:https?|s3|file|ftps?|ssh|git(?:\+[a-z]+)?):[/\\]*|(?<![:/\\])//"
_OF_SIGNATURE = (
    r"(?i)(?:Signature|X-Amz-Security-Token|\bsig)=([^&]*)|(?:X-Amz-Credential|AWSAccessKeyId)=([^&/%]*)"
)
_NEVER_ALONE = frozenset({"http:", "https:", "s3:"})
"""Schemes whose user name alone is a secret, such as a token; in `ssh://git@host` it is not."""
_DRIVE = r"[A-Za-z]:[/\\]"
_SHORTEST = 6
"""Characters: to replace shorter texts everywhere would make messages unreadable."""
_WORD = r"[^\s\"`<>]*"
_HOST = r"[^:@\[\]]+|\[[^@\]]+\]"
_AUTHORITY_END = r"[/?#\\]"
_HOST_AND_PORT = r"(?i)(?:[^:@]+\.[^:@]+|localhost|\[[^@\]]+\]):[0-9]{1,5}"


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without user names and passwords in URLs, queries of signed URLs, and the given `secrets`."""
    pieces, at, end = [], 0, -1
    for scheme in re.finditer(_SCHEME, text) if "@" in text else ():
        begin = scheme.end()
        if begin > end:  # it is not in the word of the scheme before
            word = re.compile(_WORD).match(text, begin)
            end = word.end() if word else begin
        if begin >= at and (length := _account_length(text, begin, end)):
            pieces += [text[at:begin], "****@"]
            at = begin + length
    cut = "".join([*pieces, text[at:]])
    cut = re.sub(_SIGNED_QUERY, "?****", cut) if "?" in cut else cut
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        cut = cut.replace(secret, "****")
    return cut


def shown(url: str) -> str:
    """Return a URL for messages: without user name, query and fragment, which may contain a secret."""
    return re.split(r"[?#]", without_account(url), maxsplit=1)[0]


def without_account(url: str) -> str:
    """Return a URL without user name and password."""
    scheme = re.search(_SCHEME, url) if "@" in url else None
    begin = scheme.end() if scheme else len(url)
    return url[:begin] + url[begin + _account_length(url[begin:]) :]


def has_account(url: str) -> bool:
    """Return whether a URL contains a user name or a password."""
    return without_account(url) != url


def mistyped_account(value: str) -> str:
    """Return user name, password and `@` in a value of the command line that is, or was to be, a URL; else nothing.

    Slashes may be missing or too many, and the scheme too. A colon makes the difference from a path with an `@`.
    """
    for start in re.finditer(_LOOSE, value) if "@" in value else ():
        rest = value[start.end() :]
        scheme = start[0].rstrip("/\\").lower().removeprefix("git+")
        length = 0 if scheme == "file:" and re.match(_DRIVE, rest) else _account_length(rest)
        if length and (":" in rest[:length] or scheme in _NEVER_ALONE):
            return rest[:length]
    return ""


def secrets_of(value: str) -> frozenset[str]:
    """Return what must not be repeated of a value of the command line: passwords, and signatures in queries.

    Also their parts between odd characters, because messages cut, quote and escape values.
    """
    signatures = re.finditer(_OF_SIGNATURE, value) if "=" in value else ()
    found = {at[1] or at[2] or "" for at in signatures}
    if account := mistyped_account(value) or _anything_like_an_account(value):
        user, _, password = account[:-1].partition(":")
        found.add(password or user)
    parts = {part for secret in found for part in re.split(r"[^A-Za-z0-9]+", secret)}
    return frozenset(part for part in found | parts if len(part) >= _SHORTEST)


def _anything_like_an_account(value: str) -> str:
    found = re.search(r"[^\s/@:=]*:\S+@(?=\S)", value) if "@" in value else None
    return found[0] if found else ""


def _account_length(text: str, begin: int = 0, end: int | None = None) -> int:
    """Return the length of user name, password and `@` in what follows `://`, which is at `begin`; 0 without them.

    RFC 3986 ends the authority at the first `/`, `?` or `#`, but people do not escape these in passwords. So a
    password ends at the last `@`, and an apparent port may be a password unless a full host name precedes it.
    """
    end = len(text) if end is None else end
    stop = re.compile(_AUTHORITY_END).search(text, begin, end)
    user, sign, host = text[begin : stop.start() if stop else end].rpartition("@")
    if ":" not in user and sign and re.fullmatch(_HOST, host):
        return len(user) + 1
    if not sign and (":" not in host or re.fullmatch(_HOST_AND_PORT, host)):
        return 0
    return max(text.rfind("@", begin, end) + 1 - begin, 0)
