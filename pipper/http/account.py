"""Who reads from a server."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """User name and password at a server, sent by Basic authentication (RFC 7617)."""

    user: str
    password: str = field(repr=False)
