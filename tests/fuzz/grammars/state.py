"""What pipper itself keeps: journal, stamps, named repositories, and the documents of the cache."""

import json
from collections.abc import Callable
from pathlib import Path

from msgspec import json as msgspec_json

from pipper.apply import stamp
from pipper.apply.installer import Staged
from pipper.apply.journal import Document, Journal, Outgoing, read_journal, sha256_of, write_journal
from pipper.apply.stamp import is_current
from pipper.cache import unpacked
from pipper.cache.unpacked import UnpackedMember, UnpackedWheel, read_index, to_index
from pipper.core.access import RepositoryOptions
from pipper.core.reporter import Reporter
from pipper.errors import AccessError, UsageError
from pipper.index.cache import CachedPage, PageCache
from pipper.index.project_page import IndexFile, ProjectFiles
from pipper.python import interpreter
from pipper.repository.access import choose_access, choose_repositories, open_bucket
from pipper.repository.named_repositories import read_named_repositories
from pipper.storage.directory.file_metadata import Note, Notes
from pipper.system.digest import digest, digest_of_folder
from pipper.system.seals import sealed
from pipper.wheels.entry_points import EntryPoint
from tests.fuzz.grammars.base import Grammar
from tests.fuzz.grammars.places import folder, scratch
from tests.workshop import this_interpreter

_SHA = "0123456789abcdef" * 4
_NAMED = {
    "repositories": {
        "acme": {
            "bucket": "acme-packages",
            "profile": None,
            "root_prefix": "pipper",
            "access_key_id": "AKIAEXAMPLE",
            "secret_access_key": "secret",
            "session_token": None,
        },
        "other": {"bucket": "b", "profile": "p", "root_prefix": "a/b"},
    },
    "default": "acme",
}
_JOURNAL = Journal(
    anchor="/srv/venv",
    boot="0123",
    outgoing=(Outgoing(name="foo", dist_info="lib/foo-1.0.dist-info", record_sha256=_SHA),),
    incoming=(Staged(name="foo", dist_info="lib/foo-2.0.dist-info", record="foo/__init__.py,,\n"),),
    documents=(Document(path=Path("/srv/pipper.lock"), content=b"lock", before=""),),
)
_PAGE = CachedPage(
    files=ProjectFiles(
        (IndexFile("foo-1.0-py3-none-any.whl", "1.0", "https://h/f", _SHA, 1, ">=3", "", None, ""),),
        (IndexFile("foo-2.0.tar.gz", "2.0", "https://h/g", _SHA, 1, ">=3", "", None, ""),),
    ),
    digest=_SHA,
    etag='"x"',
    fresh_until=1.5,
)
_WHEEL = UnpackedWheel(
    sha256=_SHA,
    filename="foo-1.0-py3-none-any.whl",
    name="foo",
    version="1.0",
    dist_info="foo-1.0.dist-info",
    root_is_purelib=True,
    owner=0,
    folders=(),
    members=(UnpackedMember("foo/a.py", "purelib", "foo/a.py", 1, "digest", False, False, 1_700_000_000),),
    entry_points=(EntryPoint(kind="console", name="tool", module="foo", attr="main"),),
    metadata_sha256=_SHA,
    requires_dist=("bar>=1",),
)
_NOTE = Note(sha256=_SHA, inode=1, size=2, mtime_ns=3, metadata={"package": "x"})


def _named(data: bytes) -> object:
    path = scratch("repositories.json", data)
    found = read_named_repositories(path, Reporter())
    for name in found.entries:
        options = RepositoryOptions(repository=name)
        try:
            for entry in choose_repositories(options, (), found):
                open_bucket(entry, choose_access(options, entry, found, {}))
        except (UsageError, AccessError):
            continue
    return found


def _journal(data: bytes) -> object:
    return read_journal(scratch("state/journal.json", data).parent)


def _journal_text(journal: Journal = _JOURNAL) -> bytes:
    state = scratch("written/journal.json", b"").parent
    write_journal(state, journal)
    return (state / "journal.json").read_bytes().partition(b"\n")[2]


def _sealed_journal(data: bytes) -> object:
    state = scratch("state/journal.json", sha256_of(data).encode() + b"\n" + data).parent
    return read_journal(state)


def _stamp(data: bytes) -> object:
    path = scratch("stamped/.pipper/stamp", digest(data).encode() + b"\n" + data)
    return is_current(path.parent.parent, "key") or None


def _stamp_text() -> bytes:
    place = str(scratch("covered/a.py", b"").parent)
    look = stamp._look(place)
    covered = stamp._stamp("key", 9 * 10**18, [(place, look)], [(place, look, digest_of_folder(place))])
    return covered.partition(b"\n")[2]


def _page(data: bytes) -> object:
    cache = PageCache(folder(), "https://index.example.com/simple/")
    scratch(f"{cache._folder.name}/foo.page", sealed(data, cache._subject("foo.page")))
    found = cache.page("foo")  # type: ignore[arg-type] # a normalised name
    if found is not None:
        assert found.is_fresh in (True, False)
    return found


def _wheel(data: bytes) -> object:
    place = scratch("wheel/index.json", sealed(data, unpacked._subject(_SHA))).parent
    return read_index(place, _SHA)


def _note(data: bytes) -> object:
    notes = Notes(folder() / "notes")
    path = notes._path("key")
    scratch(f"notes/{path.name}", data)
    return notes.get("key")


def _facts() -> str:
    probed = interpreter._run_probe(this_interpreter().executable)
    return json.dumps({**probed, "format": interpreter._FORMAT})


def _interpreter(data: bytes) -> object:
    entry = scratch("facts.json", sealed(data, "facts"))
    found = interpreter._read_cached(entry, "facts", Path("/usr/bin/python3"))
    if found is not None:
        found.target.python  # noqa: B018 - it is made when it is asked for
    return found


def _json(name: str, example: Callable[[], bytes | str], read: Callable[[bytes], object]) -> Grammar:
    return Grammar(name=name, shape="json", examples=lambda: (example(),), read=read, codes=frozenset())


GRAMMARS = (
    Grammar(
        name="repositories-json",
        shape="json",
        examples=lambda: (json.dumps(_NAMED),),
        read=_named,
        codes=frozenset({5, 8}),  # 8: one that is too large
        words=("a/../b", "s3://b", "-b", "arn:aws:s3:::b"),
    ),
    Grammar(
        name="journal",
        shape="json",
        examples=lambda: (_journal_text(),),
        read=_sealed_journal,
        write=_journal_text,
        codes=frozenset({8}),
        words=("../../x", "/etc/passwd"),
    ),
    Grammar(
        name="journal-text",
        shape="lines",
        examples=lambda: (sha256_of(_journal_text()).encode() + b"\n" + _journal_text(),),
        read=_journal,
        codes=frozenset({8}),
    ),
    Grammar(name="stamp", shape="word", examples=lambda: (_stamp_text(),), read=_stamp, codes=frozenset()),
    _json("cached-page", lambda: msgspec_json.encode(_PAGE), _page),
    _json("cached-wheel", lambda: to_index(_WHEEL).partition(b"\n")[2], _wheel),
    _json("store-note", lambda: msgspec_json.encode(_NOTE), _note),
    _json("cached-interpreter", _facts, _interpreter),
)
