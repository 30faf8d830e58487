"""Refusals of S3: who may not do what, whose policy says so, and what allows it."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from msgspec import Struct

from pipper.errors import AccessError
from pipper.storage.s3.identity import Identity, one_line

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

_OTHER_KEY = (
    "use the right credentials (-p PROFILE, -r NAME, -c KEY SECRET); `-v` prints where they come from"
)
_CLOCK = "set the clock of this machine"
_KEY_CODES = {
    "InvalidAccessKeyId": "the server does not know this access key",
    "SignatureDoesNotMatch": "the secret access key does not belong to the access key",
    "ExpiredToken": "the session has ended",
    "ExpiredTokenException": "the session has ended",
    "TokenRefreshRequired": "the session has ended",
    "InvalidToken": "the session token is invalid",
    "RequestExpired": "the request was too old when it arrived",
    "AccountProblem": "the server reports a problem with the account",
}
"""Cause by the code of S3."""
_RENEWED = ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "InvalidToken")
_ACTIONS = {
    "read": ("s3:GetObject", "read"),
    "list": ("s3:ListBucket", "read"),
    "write": ("s3:PutObject", "publish"),
    "delete": ("s3:DeleteObject", "repair"),
}
"""The IAM action of an operation, and the purpose for `pipper repository policy`."""
_PARTS = re.compile(
    r"(?:User: (?P<who>\S+) is not authorized to perform: )(?P<action>[a-z0-9-]+:[A-Za-z]+)"
    r"(?: on resource: \"?(?P<what>[^\s\"]+))?"
)
_REASONS = (
    (
        "service control policy",
        "a service control policy of the organization",
        "who administers that organization",
    ),
    ("permissions boundary", "a permissions boundary", "who administers that boundary"),
    ("session policy", "the policy of this session", "who made this session"),
    ("VPC endpoint policy", "the policy of the VPC endpoint", "who administers the network"),
    ("resource control policy", "a resource control policy", "who administers that organization"),
)
"""What stands in S3's reason, whose policy that is, and who can change it: no policy of the user helps there."""


class Request(Struct, frozen=True, kw_only=True):
    """A request, for the message."""

    operation: str
    """The verb after `cannot`: `read`, `list`, `write`, `delete`."""
    subject: str
    """`s3://BUCKET/KEY`."""
    bucket: str
    host: str
    region: str
    identity: Identity = Identity()

    @property
    def what(self) -> str:
        """The start of a message about it."""
        return f"cannot {self.operation} {self.subject}"


def is_refusal(code: str, status: int) -> bool:
    """Return whether an answer is about the credentials or their permissions."""
    return code in _KEY_CODES or status in {401, 403} or code == "400"


def refused(error: "ClientError", request: Request) -> AccessError:
    """Return the error for such an answer; S3 also sends a 403 for a missing key."""
    details = error.response.get("Error", {})
    code, text = str(details.get("Code", "")), one_line(str(details.get("Message", "")))
    if code in _KEY_CODES:
        hint = request.identity.renewal if code in _RENEWED else _OTHER_KEY
        cause = f"{_KEY_CODES[code]}{request.identity.asked_with}"
        hint = _CLOCK if code == "RequestExpired" else hint
        return AccessError(f"{request.what}: {code}", cause=cause, hint=hint)
    action, hint = _hint(text, request)
    if code in {"403", "400"}:
        text = ""
    cause = f"no permission for {action}"
    if request.operation == "read":
        cause = "no permission, or the key does not exist: without s3:ListBucket, S3 answers 403 for a missing key"
    if _PARTS.search(text):
        cause = text
    elif text:
        cause += f" ({text})"
    return AccessError(
        f"{request.what}: access denied by {request.host} ({code})",
        cause=cause + request.identity.asked_with,
        hint=hint,
    )


def _hint(text: str, request: Request) -> tuple[str, str]:
    """Return the action that is missing, and how to get it."""
    action, purpose = _ACTIONS.get(request.operation, _ACTIONS["read"])
    found = _PARTS.search(text)
    if found:
        action = found["action"]
    if action.startswith("kms:") or "KMS" in text:
        key = (found and found["what"]) or "the key"
        return action, f"allow {action} on {key} in the IAM policy and in the policy of that key"
    for words, whose, owner in _REASONS:
        if words in text:
            return (
                action,
                f"{whose} forbids it: ask {owner} to allow {action}, because no policy of your own can",
            )
    if "resource-based policy" in text and "explicit deny" in text:
        demanded = ", or give what it demands of each object (`sse`, `sse-kms-key-id`, `acl`)"
        return (
            action,
            f"the bucket's policy forbids it: change it{demanded if request.operation == 'write' else ''}",
        )
    return action, (
        f"allow {action}: `pipper repository policy --for {purpose}` prints the IAM policy; "
        "or use other credentials (-p PROFILE, -r NAME)"
    )


def skewed(error: "ClientError", request: Request) -> AccessError:
    """Return the error for a clock that is wrong here or there."""
    date = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
    here = datetime.now(UTC)
    cause = f"the local time is {here:%Y-%m-%d %H:%M:%S} UTC"
    try:
        there = parsedate_to_datetime(date)
        # `-0000` means that the server does not say its zone, and HTTP has none but UTC.
        there = (there if there.tzinfo else there.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        cause += "; the server sends no time"
    else:
        apart = abs(round((here - there).total_seconds()))
        cause += f", the time of the server {there:%Y-%m-%d %H:%M:%S} UTC: {apart} seconds apart"
    return AccessError(f"{request.what}: RequestTimeTooSkewed", cause=cause, hint=_CLOCK)
