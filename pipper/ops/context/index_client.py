"""Choose the index of a command, and make the HTTP client with its credentials and certificates."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipper.errors import UsageError
from pipper.http.client import Web
from pipper.index.config import Accounts, IndexAddress, Surroundings, certificates, find_index
from pipper.ops.context.project_files import environment_path
from pipper.ops.context.settings import Settings
from pipper.python.environment import venv_python
from pipper.python.interpreter import running


def index_address(settings: Settings, index_url: str, root: Path) -> IndexAddress:
    """Return the index; `index_url` is the manifest's, or empty. Raise UsageError if none is configured."""
    own = venv_python(Path(environment_path(root, settings.environ)))
    return find_index(index_url, _around(settings, (running(), own) if own else (running(),)))


def index_web(settings: Settings, index_url: str) -> Web:
    """Return the client for files that a lock took from the index, with its credentials and certificates.

    A lock has full URLs, so this works without a configured index too.
    """
    around = _around(settings, ())
    try:
        return web_of(settings, find_index(index_url, around))
    except UsageError:
        of_netrc = Accounts(None, settings.environ, settings.home)
        return Web(settings.environ, ca_file=certificates(around), account=of_netrc)


def index_folder(settings: Settings, index_url: str) -> Path | None:
    """Return the folder of a configured `file:` index, None for another index or none."""
    try:
        address = find_index(index_url, _around(settings, ()))
    except UsageError:
        return None
    parts = urlsplit(address.url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def web_of(settings: Settings, address: IndexAddress) -> Web:
    """Return the client with the credentials and certificates of an index."""
    parts = urlsplit(address.url)
    return Web(
        settings.environ,
        ca_file=address.ca_file,
        account=Accounts(address, settings.environ, settings.home),
        plain=frozenset({f"http://{parts.netloc}"} if parts.scheme == "http" else ()),
    )


def _around(settings: Settings, pythons: tuple[Path, ...]) -> Surroundings:
    return Surroundings(
        environ=settings.environ, home=settings.home, pythons=pythons, reporter=settings.reporter
    )
