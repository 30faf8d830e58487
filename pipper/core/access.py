"""Who asks for a repository, as the command line or a file says it. Light: every command begins here."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An access key of S3. Its repr tells nothing of it."""

    access_key_id: str = field(repr=False)
    secret_access_key: str = field(repr=False)
    session_token: str | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        token = "None" if self.session_token is None else "****"
        return f"Credentials(access_key_id=****, secret_access_key=****, session_token={token})"


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryOptions:
    """What the command line says about repositories; empty where it says nothing."""

    bucket: str = ""
    repository: str = ""
    profile: str = ""
    credentials: Credentials | None = None
    prefix: str = ""
    endpoint_url: str = ""
    access_only: bool = False
    """Whether they only say who asks, because where packages are is declared already."""
