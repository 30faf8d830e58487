"""Whose credentials a request has, and the errors for those that cannot be found, used or renewed.

Each names the step that chose them, the host that failed, and the command that fixes it.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from pipper.core.wording import listed
from pipper.errors import AccessError, PipperError, StoreError
from pipper.http.errors import AGAIN, explained, host_of, names_of

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials
    from botocore.exceptions import ClientError

_OTHERS = "use -p PROFILE, -r NAME, -c KEY SECRET or the variables PIPPER_AWS_*"
_SENDABLE = re.compile(r"[!-~]+")
"""What a header may contain."""
_SSO = frozenset(
    {
        *("SSOError", "SSOTokenLoadError", "UnauthorizedSSOTokenError", "TokenRetrievalError"),
        *("NoAuthTokenError", "LoginError", "PendingAuthorizationExpiredError"),
    }
)
_OF_OTHER_HOSTS = frozenset(
    {
        *("EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError"),
        *("SSLError", "ProxyConnectionError", "HTTPClientError"),
    }
)
_URL = re.compile(r"https?://[^\s\"'<>]+")


class Identity(Struct, frozen=True, kw_only=True):
    """Who asks a bucket, in words."""

    step: str = ""
    """The step that chose the credentials; empty if it is not known."""
    profile: str = ""
    """The profile of the AWS files that is used; empty if none is."""
    is_sso: bool = False
    """Whether that profile logs in with IAM Identity Center."""

    @property
    def asked_with(self) -> str:
        """What follows a cause, to name the step; empty if it is not known."""
        return f"; asked with {self.step}" if self.step else ""

    @property
    def renewal(self) -> str:
        """How to begin a new session."""
        if self.is_sso:
            return f"run `aws sso login --profile {self.profile}`"
        for prefix in ("PIPPER_AWS_", "AWS_"):
            if f"variables {prefix}" in self.step:
                names = (
                    f"{prefix}{name}" for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")
                )
                return f"set new values of {listed(names)}"
        if "-c" in self.step:
            return "give the three values of a new session with -c KEY SECRET TOKEN"
        if self.profile:
            return (
                f"renew the session of the profile: `aws sso login --profile {self.profile}`, "
                f"or `aws configure --profile {self.profile}` for new keys"
            )
        return "log in again (`aws sso login`), or set new PIPPER_AWS_* or AWS_* variables"


def require_sendable(keys: "ReadOnlyCredentials", identity: Identity, what: str) -> None:
    """Raise AccessError for a key with a line break or another character that a request cannot contain."""
    parts = {
        "access key id": keys.access_key,
        "secret access key": keys.secret_key,
        "session token": keys.token or "-",
    }
    for name, value in parts.items():
        if not _SENDABLE.fullmatch(value or ""):
            odd = "a line break" if re.search(r"[\r\n]", value or "") else "a space or another odd character"
            raise AccessError(
                f"{what}: no usable credentials",
                cause=f"the {name} contains {odd if value else 'nothing'}{identity.asked_with}",
                hint="enter it again, without what a file or a secret store puts behind it",
            )


def no_terminal(prompt: str, identity: Identity) -> AccessError:
    """Return the error for a profile that asks for an MFA code where nobody can type one."""
    profile = identity.profile or "PROFILE"
    return AccessError(
        "no usable credentials: an MFA code is needed, and there is no terminal to ask for it",
        cause=f"{prompt.strip().rstrip(':')}{identity.asked_with}",
        hint=f'run `eval "$(aws configure export-credentials --profile {profile} --format env)"` in a terminal first',
    )


def unfound(error: BaseException, identity: Identity, what: str) -> PipperError:
    """Return the error for credentials that botocore cannot find, read or renew; `what` begins the message."""
    names = frozenset(names_of(error)) if isinstance(error, Exception) else frozenset()
    text = one_line(str(error)).rstrip(".")
    profile = identity.profile or "PROFILE"
    what = f"{what}: no usable credentials"
    if names & _SSO:
        login = "aws login" if "LoginError" in names else "aws sso login"
        return AccessError(
            what, cause=f"{text}{identity.asked_with}", hint=f"run `{login} --profile {profile}`"
        )
    if "ProfileNotFound" in names:
        return AccessError(
            what,
            cause=f"{text}{identity.asked_with}",
            hint="`aws configure list-profiles` prints the profiles: correct -p, AWS_PROFILE or the manifest",
        )
    if names & _OF_OTHER_HOSTS:
        return _unreachable(error, what, identity)
    if "NoCredentialsError" in names:
        return AccessError(
            what,
            cause=f"there are none: no option, variable, profile, container or instance has any{identity.asked_with}",
            hint=f"{_OTHERS}, or log in (`aws sso login`); `anonymous = true` reads a public bucket without any",
        )
    if isinstance(error, OSError):
        named = str(error.filename or "a file")
        return AccessError(
            what,
            cause=f"cannot read {named}: {error.strerror or 'it is not readable'}{identity.asked_with}",
            hint="correct the variable or the setting that names this file (such as AWS_WEB_IDENTITY_TOKEN_FILE)",
        )
    if host := _host_in(text):
        return AccessError(
            f"{what}: {host} gives none",
            cause=f"{text}{identity.asked_with}",
            hint="check that the container or instance has a role, and that this host is reachable",
        )
    return AccessError(
        what, cause=f"{text}{identity.asked_with}", hint=f"correct the settings there; or {_OTHERS}"
    )


def of_process(error: Exception, identity: Identity, what: str) -> AccessError:
    """Return the error for a `credential_process` that cannot run, or whose output is not credentials."""
    # The output of the program may contain a key, so no message contains it.
    reason = error.strerror if isinstance(error, OSError) else "its output is not credentials"
    return AccessError(
        f"{what}: no usable credentials",
        cause=f"the credential_process of the profile `{identity.profile}`: {reason}",
        hint="run that program by hand, or use another profile (-p PROFILE)",
    )


def other_host(error: Exception, host: str) -> str:
    """Return the host that a failure of botocore is about, if it is another one than `host`; else nothing."""
    kwargs: Mapping[str, object] = getattr(error, "kwargs", None) or {}
    found = host_of(str(kwargs.get("endpoint_url", "")))
    return "" if not found or found == host or found.endswith(f".{host}") else found


def _unreachable(error: BaseException, what: str, identity: Identity) -> StoreError:
    host = other_host(error, "") if isinstance(error, Exception) else ""
    reason, _ = explained(error, _FAILURES, AGAIN) if isinstance(error, Exception) else ("no connection", "")
    return StoreError(
        f"{what}: {host or 'the service that gives them'} is unreachable",
        cause=f"{reason}{identity.asked_with}",
        hint=f"check the network and HTTPS_PROXY for {host or 'that host'}, or use credentials that need no request",
    )


_FAILURES = {
    "ConnectTimeoutError": ("no connection in time", AGAIN),
    "ReadTimeoutError": ("no response in time", AGAIN),
    "SSLError": ("its certificate is not accepted", AGAIN),
    "EndpointConnectionError": ("no connection", AGAIN),
}


def no_session(error: "ClientError", identity: Identity, what: str) -> PipperError:
    """Return the error for a response of STS or SSO, which does not concern the bucket."""
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    details = error.response.get("Error", {})
    code = details.get("Code", "") or status
    answered = f"{error.operation_name} was answered with {code}"
    text = one_line(str(details.get("Message", "")))
    if status >= 500 or status == 429:
        cause = f"{text or 'the service is busy or down'}{identity.asked_with}"
        return StoreError(f"{what}: {answered}", cause=cause, hint="run the command again later")
    hint = "correct the profile's role_arn and the trust policy of that role"
    if error.operation_name in {"GetRoleCredentials", "CreateToken"}:
        hint = f"run `aws sso login --profile {identity.profile or 'PROFILE'}`"
    elif str(code).startswith("ExpiredToken"):
        hint = identity.renewal
    return AccessError(
        f"{what}: no usable credentials",
        cause=(f"{answered}: {text}" if text else answered) + identity.asked_with,
        hint=hint,
    )


def _host_in(text: str) -> str:
    found = _URL.search(text)
    return host_of(found[0]) if found else ""


def one_line(text: str) -> str:
    """Return `text` without line breaks, and without the queries of URLs, which may be signatures."""
    return re.sub(r"(https?://[^\s?]*)\?\S*", r"\1", " ".join(text.split()))[:300]


def certificates_fault(path: Path) -> str:
    """Return why a file or folder of certificates cannot be used, as a clause; empty if it can."""
    import ssl  # noqa: PLC0415 - only where a variable names certificates

    try:
        ssl.create_default_context().load_verify_locations(*((None, path) if path.is_dir() else (path, None)))
    except ssl.SSLError:
        return "it contains no certificates in PEM"
    except OSError as error:
        return (error.strerror or "it cannot be read").lower()
    return ""
