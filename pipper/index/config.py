"""The address of the index of a project, its credentials and its certificates.

Order: `[index] url` of the manifest, PIPPER_INDEX_URL, PIP_INDEX_URL, pip's configuration files, the default of
an installed pip. Credentials come from the URL or from netrc, and are sent only to the host they belong to.
"""

import configparser
import netrc
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from pipper.core.reporter import Reporter
from pipper.core.urls import is_loopback, plain, split_url
from pipper.errors import UsageError
from pipper.http.client import Account, origin_of
from pipper.system.os_errors import os_errors
from pipper.system.process import ProcessError, run
from pipper.system.regular_file import read_regular

_HINT = 'set `url = "https://index.example.com/simple"` in [index] of the manifest, or set PIPPER_INDEX_URL'
_BUILT_IN = """
try:
    from pip._internal.models.index import PyPI
except ImportError:
    import ensurepip, pathlib, sys
    bundled = pathlib.Path(ensurepip.__file__).parent.glob("_bundled/pip-*.whl")
    sys.path.insert(0, str(next(iter(bundled))))
    from pip._internal.models.index import PyPI
print(PyPI.simple_url)
"""
"""Prints the default index of the installed pip, or else of the pip that `ensurepip` bundles."""

_PATH = re.compile(r"\.{0,2}[/\\]|~|[A-Za-z]:[/\\]")
_NETRC = "write `machine HOST login USER password PASSWORD`"
_SECONDS = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexAddress:
    """The address of the index, with its credentials and certificates."""

    url: str
    """Ends in a slash; holds no user name or password."""
    step: str
    """Where the address was found, for `-v`."""
    account: Account | None = field(default=None, repr=False)
    """User name and password from the address."""
    ca_file: Path | None = None
    is_of_manifest: bool = False
    """Whether a manifest names it, and not the user."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The places to look for an address."""

    environ: Mapping[str, str] = field(repr=False)
    home: Path
    pythons: tuple[Path, ...]
    """Interpreters whose pip may have an index, the preferred one first."""
    reporter: Reporter = field(default_factory=Reporter)


def find_index(manifest_url: str, around: Surroundings) -> IndexAddress:
    """Return the index to use.

    Raises UsageError if none is configured or a file is malformed, MachineError if a file cannot be read.
    """
    settings = _pip_settings(around)
    url, step = _address(manifest_url, settings, around)
    if extra := settings.get("extra-index-url", ""):
        count = len(extra.split())
        around.reporter.detail(f"pip's extra-index-url ({count}) is ignored: pipper uses one index")
    cert = settings.get("cert")
    return replace(_parsed(url, step, Path(cert) if cert else None), is_of_manifest=bool(manifest_url))


def is_public(address: IndexAddress, around: Surroundings) -> bool:
    """Return whether this is the index that pip has built in: the names of every other one may be private."""
    found = public_url(around)
    return bool(found) and address.url == plain(found).rstrip("/") + "/"


def public_url(around: Surroundings) -> str:
    """Return the URL of the index that pip has built in; empty without a pip."""
    found = _built_in(around)
    return found[0] if found else ""


def certificates(around: Surroundings) -> Path | None:
    """Return the certificate file of pip's configuration; None if it names none."""
    cert = _pip_settings(around).get("cert")
    return Path(cert) if cert else None


class Accounts:
    """User names and passwords by server. The repr shows none of them."""

    def __init__(self, address: IndexAddress | None, environ: Mapping[str, str], home: Path) -> None:
        """Take the account of the index's address for its own origin, those of netrc for all others.

        netrc knows hosts, not schemes. So over plain http its accounts go to this machine, or to the index that the
        user names, and its `default` goes to that one only.
        """
        self._own = {origin_of(address.url): address.account} if address and address.account else {}
        self._named = origin_of(address.url) if address and not address.is_of_manifest else ""
        self._noted = _netrc(environ, home)

    def __call__(self, origin: str) -> Account | None:
        """Return the account for an origin (`https://host[:port]`), or None."""
        if origin in self._own:
            return self._own[origin]
        host = split_url(origin).hostname or ""
        if self._noted is None or not host:
            return None
        is_named = origin == self._named
        found = self._noted.authenticators(host) if is_named else self._noted.hosts.get(host)
        if not (is_named or origin.startswith("https:") or is_loopback(host)):
            return None
        return Account(user=found[0], password=found[2] or "") if found else None


def _address(manifest_url: str, settings: Mapping[str, str], around: Surroundings) -> tuple[str, str]:
    if manifest_url:
        return manifest_url, "[index] of the manifest"
    for variable in ("PIPPER_INDEX_URL", "PIP_INDEX_URL"):
        if url := around.environ.get(variable):
            return url, variable
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on"):
        raise UsageError("no index is configured", cause="pip's settings contain `no-index`", hint=_HINT)
    if url := settings.get("index-url", ""):
        return url, "pip's configuration"
    if found := _built_in(around):
        return found
    raise UsageError(
        "no index is configured", cause="no variable, pip setting or installed pip names one", hint=_HINT
    )


def _built_in(around: Surroundings) -> tuple[str, str] | None:
    for python in around.pythons:
        try:
            printed = run([str(python), "-I", "-c", _BUILT_IN], seconds=_SECONDS)
            return printed.decode().strip(), f"the pip of {python}"
        except (OSError, ProcessError):
            continue
    return None


def _parsed(url: str, step: str, ca_file: Path | None) -> IndexAddress:
    parts = split_url(url)
    user, password = parts.username, parts.password
    if parts.scheme not in ("https", "http", "file") or not (parts.hostname or parts.scheme == "file"):
        hint = "write a directory as in `file:///srv/simple`" if _PATH.match(url) else _HINT
        raise UsageError(
            f"the index URL from {step} is not valid", cause="not an http or file URL", hint=hint
        )
    account = (
        Account(user=unquote(user or ""), password=unquote(password or "")) if user or password else None
    )
    return IndexAddress(url=plain(url).rstrip("/") + "/", step=step, account=account, ca_file=ca_file)


def _pip_settings(around: Surroundings) -> dict[str, str]:
    """Return the settings of pip's files and variables; as in pip, a later file overrides an earlier one."""
    found: dict[str, str] = {}
    for path in _pip_files(around):
        found |= _read_pip_file(path)
    for name in ("index-url", "extra-index-url", "no-index", "cert"):
        # In pip, the section of a command overrides `[global]`; pipper is most like `install`.
        for section in ("global", "install"):
            if f"{section}.{name}" in found:
                found[name] = found[f"{section}.{name}"]
        if variable := around.environ.get("PIP_" + name.upper().replace("-", "_")):
            found[name] = variable
    return found


def _pip_files(around: Surroundings) -> Iterator[Path]:
    named = around.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    yield from _global_files(around.environ)
    if not (named and Path(named).exists()):
        yield from _user_files(around)
    yield Path(sys.prefix) / _NAME
    if named:
        yield Path(named)


_NAME = "pip.ini" if os.name == "nt" else "pip.conf"


def _global_files(environ: Mapping[str, str]) -> Iterator[Path]:
    if sys.platform == "win32":
        yield Path(environ.get("PROGRAMDATA", "C:/ProgramData")) / "pip" / _NAME
        return
    if sys.platform == "darwin":
        yield Path("/Library/Application Support/pip") / _NAME
        return
    for folder in reversed((environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")):
        if folder:
            yield Path(folder) / "pip" / _NAME
    yield Path("/etc") / _NAME


def _user_files(around: Surroundings) -> Iterator[Path]:
    environ, home = around.environ, around.home
    if sys.platform == "win32":
        yield home / "pip" / _NAME
        yield Path(environ.get("APPDATA", home / "AppData/Roaming")) / "pip" / _NAME
        return
    yield home / ".pip" / _NAME
    own = home / "Library/Application Support/pip"
    if sys.platform == "darwin" and own.is_dir():
        yield own / _NAME
    else:
        yield Path(environ.get("XDG_CONFIG_HOME") or home / ".config") / "pip" / _NAME


def _read_pip_file(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        with os_errors("read", path):
            try:
                text = read_regular(path).decode()
            except (FileNotFoundError, NotADirectoryError):
                return {}
        parser.read_string(text, source=str(path))
    except (configparser.Error, UnicodeDecodeError) as error:
        # The parser's message quotes lines, which may contain a password.
        raise UsageError(f"{path} is not a valid file of pip", hint="run `pip config debug`") from error
    return {
        f"{section}.{key.removeprefix('--').replace('_', '-')}": value
        for section in parser.sections()
        for key, value in parser.items(section)
    }


def _netrc(environ: Mapping[str, str], home: Path) -> netrc.netrc | None:
    named = environ.get("NETRC")
    places = [Path(named)] if named else [home / ".netrc", home / "_netrc"]
    for path in places:
        with os_errors("read", path):
            try:
                return netrc.netrc(str(path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except netrc.NetrcParseError as error:
                raise UsageError(f"{path}: line {error.lineno} is malformed", hint=_NETRC) from error
    return None
