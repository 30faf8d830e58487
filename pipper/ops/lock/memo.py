"""The memo of a solve: the lock that it made, and all that it followed from.

A memo lies in the cache under a digest of all that a solve starts from on this machine: the manifest, the old lock or
its absence, files of other tools beside them, the interpreter at hand, the named repositories, the options, and this
pipper. It holds each read of a source with a validator, the lock, and what the command said. One that is cut off, for
anything else, or not written by this user (`system.seals`) is void.

`remembered` says whether the sources would give the same answers again. This module imports little.
"""

import os
import sys

import pipper
from pipper.core.reads import Read, ReadLog
from pipper.errors import PipperError
from pipper.ops.context.project_files import PYPROJECT_TOML, SETUP_FILES, ProjectFiles
from pipper.ops.lock.lock_stamp import lock_basis
from pipper.system.digest import digest, digest_each
from pipper.system.regular_file import read_regular
from pipper.system.seals import read_sealed
from pipper.system.seen_paths import SeenPaths

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MEMOS = "memos"
"""The folder in the cache."""
BESIDE = (
    *(PYPROJECT_TOML, *SETUP_FILES),
    *("uv.toml", "pixi.toml", "hatch.toml", "pdm.toml", "Pipfile"),
    *("uv.lock", "poetry.lock", "pdm.lock"),
)
"""The files beside a manifest that a solve may read: what a project is, and what other tools take and locked."""
KIND_DIRECTORY, KIND_BUCKET, KIND_INDEX, KIND_MEMBERS = "directory", "bucket", "index", "members"
"""The kinds of places; the last one stands for the files of members."""
WARNING, INFO, RESULT = "warning", "info", "result"
"""The kinds of messages; a result is what the command says of the lock, and a solve does not."""

_KINDS = (KIND_DIRECTORY, KIND_BUCKET, KIND_INDEX, KIND_MEMBERS)
_READ = "read"


class Place:
    """Where a source was read."""

    __slots__ = ("address", "alias", "kind", "settings")

    def __init__(self, kind: str, alias: str, address: str, settings: str) -> None:
        """`address` is what `settings` came to: a directory, the entry of a bucket as JSON, or the URL of an index.

        The URL is empty where the manifest names none. Of members, it is the digest of the paths in `settings`.
        """
        self.kind = kind
        self.alias = alias
        self.address = address
        self.settings = settings


class Message:
    """What a command said, a warning or not."""

    __slots__ = ("kind", "text")

    def __init__(self, kind: str, text: str) -> None:
        self.kind = kind
        self.text = text


class Memo:
    """A lock with all that it followed from."""

    __slots__ = ("key", "lock", "messages", "places", "reads")

    def __init__(
        self,
        key: str,
        lock: bytes,
        *,
        places: "Sequence[Place]",
        reads: "Sequence[Read]",
        messages: "Sequence[Message]" = (),
    ) -> None:
        """`messages` are those of the solve, and those on its result that the command adds."""
        self.key = key
        self.lock = lock
        self.places = places
        self.reads = reads
        self.messages = messages

    @property
    def is_of_command(self) -> bool:
        """Whether the messages are all that the command said."""
        return any(message.kind == RESULT for message in self.messages)

    def saying(self, messages: "Sequence[Message]") -> "Memo":
        """Return the memo with other messages."""
        return Memo(self.key, self.lock, places=self.places, reads=self.reads, messages=messages)


def memo_key(files: ProjectFiles, python: "str | os.PathLike[str]", asked: str = "") -> str:
    """Return a digest of all that a solve starts from on this machine; empty if some of it cannot be read.

    `python` is the interpreter at hand, `asked` what options say, empty for a bare `lock`.
    """
    try:
        basis = lock_basis(files, python)
        facts = (basis, asked, sys.version, _installation())
        data = (files.lock.data, *_beside(files.root))
    except (OSError, PipperError):
        return ""
    if not basis:
        return ""
    parts = (b"" if each is None else b"+" + each for each in data)
    return digest(*(fact.encode(errors="surrogateescape") for fact in facts), digest_each(parts).encode())


def memo_of(
    key: str,
    lock: bytes,
    log: ReadLog,
    settings: "Mapping[str, Place]",
    messages: "Sequence[Message]",
    members: SeenPaths,
) -> Memo | None:
    """Return the memo of a solve, None if a part of what it read has no validator.

    `settings` are the sources by alias, of which only those that were asked count; `members` are their
    files.
    """
    if not (log.is_whole and log.places.keys() <= settings.keys()):
        return None
    asked = [(settings[alias], address) for alias, address in log.places.items()]
    places = [Place(each.kind, each.alias, address, each.settings) for each, address in asked]
    if members.paths:
        places.insert(0, Place(KIND_MEMBERS, "", members.digest, "\0".join(members.paths)))
    return Memo(key, lock, places=places, reads=log.reads, messages=messages)


def read_memo(root: "str | os.PathLike[str]", key: str) -> Memo | None:
    """Return the memo with this key from the cache at `root`, None without one."""
    path = memo_path(root, key)
    data = read_sealed(path, _subject(key)) if key else None
    return None if data is None else _parsed(key, data)


def memo_path(root: "str | os.PathLike[str]", key: str) -> str:
    """Return the path of a memo."""
    return os.path.join(root, MEMOS, key[:2], key)


def _parsed(key: str, data: bytes) -> Memo:
    # The seal is right, so this is what `_lines` wrote.
    head, _, lock = data.partition(b"\n\n")
    lines = [line.split("\t") for line in head.decode(errors="surrogateescape").split("\n")]
    return Memo(
        key,
        lock,
        places=[Place(*line) for line in lines if line[0] in _KINDS],
        reads=[Read(*line[1:]) for line in lines if line[0] == _READ],
        messages=[Message(line[0], _plain(line[1])) for line in lines if line[0] in (WARNING, INFO, RESULT)],
    )


def keep_memo(root: "str | os.PathLike[str]", memo: Memo) -> None:
    """Keep a memo in the cache at `root`; do nothing if the disk refuses or if a text has a tab.

    Raises MachineError for a link in the cache.
    """
    # Imported here: `read_memo` does not need them.
    import contextlib  # noqa: PLC0415 - see above
    from pathlib import Path  # noqa: PLC0415 - see above

    from pipper.cache.folder import refuse_links  # noqa: PLC0415 - see above
    from pipper.system.files import write_atomic  # noqa: PLC0415 - see above
    from pipper.system.seals import sealed  # noqa: PLC0415 - see above
    from pipper.system.trust import is_own_folder  # noqa: PLC0415 - see above

    lines = [
        "\t".join(line) for line in _lines(memo) if not any("\t" in part or "\n" in part for part in line)
    ]
    if len(lines) != len(list(_lines(memo))):
        return
    path = Path(memo_path(root, memo.key))
    data = "\n".join(lines).encode(errors="surrogateescape") + b"\n\n" + memo.lock
    refuse_links(path.parent)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_own_folder(path.parent):
            write_atomic(path, sealed(data, _subject(memo.key)))


def _lines(memo: Memo) -> "Iterator[tuple[str, ...]]":
    for place in memo.places:
        yield place.kind, place.alias, place.address, place.settings
    for read in memo.reads:
        yield _READ, read.source, read.kind, read.key, read.validator
    for message in memo.messages:
        yield message.kind, message.text.encode("unicode_escape").decode()


def _plain(text: str) -> str:
    return text.encode().decode("unicode_escape")


def _subject(key: str) -> str:
    return f"{MEMOS} {key}"


def _beside(root: str) -> "Iterator[bytes | None]":
    for name in BESIDE:
        try:
            yield read_regular(os.path.join(root, name))
        except FileNotFoundError:
            yield None


def _installation() -> str:
    """Return what changes when pipper, or a package that it runs on, is reinstalled; raises OSError.

    Of a checkout that is installed as editable, that is the latest change of a module.
    """
    own = os.path.dirname(pipper.__file__)
    here = os.getcwd()
    places = [each for each in sys.path if each and each != here and os.path.exists(each)]
    if not own.removesuffix(f"{os.sep}pipper").endswith("-packages"):
        modules = (
            (folder, name) for folder, _, names in os.walk(own) for name in names if name.endswith(".py")
        )
        places += [os.path.join(*module) for module in modules]
    return digest(*(os.fsencode(f"{place} {os.stat(place).st_mtime_ns}") for place in sorted(set(places))))
