"""Credentials for a server."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user name and a password, sent by Basic authentication (RFC 7617)."""

    user: str
    password: str = field(repr=False)
