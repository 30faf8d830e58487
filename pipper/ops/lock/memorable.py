"""What a command has to know of a solve to remember it: whether it can be, what options ask, what is said."""

import contextlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from msgspec import Struct, json
from msgspec.structs import replace

from pipper.core.access import RepositoryOptions
from pipper.core.archive_limits import Limits
from pipper.core.lock.model import Lock
from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.reporter import Reporter, Task
from pipper.errors import MachineError
from pipper.ops.context.declared_repositories import declared_repositories, named_for
from pipper.ops.context.environments import open_cache
from pipper.ops.context.project import Project
from pipper.ops.context.settings import Settings
from pipper.ops.lock.memo import (
    INFO,
    KIND_BUCKET,
    KIND_DIRECTORY,
    KIND_INDEX,
    RESULT,
    WARNING,
    Memo,
    Message,
    Place,
    keep_memo,
    read_memo,
)
from pipper.ops.lock.options import BARE, LockOptions
from pipper.python.venv import STATE
from pipper.repository.access import choose_repositories, directory_of


def is_memorable(project: Project, options: LockOptions) -> bool:
    """Return whether a solve follows from the files of the project alone, the options, and what sources answer.

    It does not where the time counts (`cool-down`, `as-of`), where a build backend may be asked, nor in an
    environment that is its own project.
    """
    manifest = project.manifest
    return (
        all(member.version and not member.build_files for member in manifest.members)
        and not (manifest.build_allow or project.edits)
        and not (manifest.as_of or manifest.cool_down or options.as_of or options.offline)
        and project.root.name != STATE
    )


def asked_for(settings: Settings, options: LockOptions, python: Path | None) -> str:
    """Return a text that differs for any other options, empty for none of them.

    It has no credentials: the sources are asked with those of now.
    """
    repositories = replace(settings.repositories, credentials=None, profile="")
    if (options, python, repositories, settings.limits) == (BARE, None, RepositoryOptions(), Limits()):
        return ""
    from pipper.ops.context.open_stores import has_directory_of_bucket  # noqa: PLC0415 - a bare lock has no bucket

    warned = has_directory_of_bucket(settings)  # what is said depends on it
    facts = (str(python), str(warned))
    return "\n".join((*_texts(options), *_texts(repositories), *_texts(settings.limits), *facts))


def _texts(options: Struct) -> list[str]:
    values = [getattr(options, name) for name in options.__struct_fields__]
    return [repr(sorted(value) if isinstance(value, frozenset) else value) for value in values]


def places_of(settings: Settings, project: Project, old: Lock | None) -> Mapping[str, Place]:
    """Return the settings of the sources of a solve, by alias; without those of a query, which may be a secret."""
    manifest = project.manifest
    declared = declared_repositories(manifest, old)
    named = named_for(replace(settings, reporter=Reporter()), declared)
    entries = choose_repositories(settings.repositories, declared, named)
    indexes = {**manifest.indexes, INDEX: manifest.index_url}
    found = {alias: Place(KIND_INDEX, alias, "", url) for alias, url in indexes.items() if "?" not in url}
    return found | {entry.alias: _place(entry, project.root) for entry in entries}


def _place(entry: RepositoryEntry, root: Path) -> Place:
    if entry.url.startswith("file:"):
        return Place(KIND_DIRECTORY, entry.alias, "", str(directory_of(entry.url, root)))
    return Place(KIND_BUCKET, entry.alias, "", json.encode(entry).decode())


def recalled(settings: Settings, root: Path, key: str) -> Memo | None:
    """Return the memo with this key if it still holds, and say what its solve said; None without one."""
    cache = open_cache(settings).root
    memo = read_memo(cache, key) if key else None
    if memo is None:
        return None
    from pipper.ops.lock.remembered import mark_used, still_holds  # noqa: PLC0415 - most commands have no memo

    details = _Details()
    if not still_holds(memo, lambda: replace(settings, reporter=details), str(root), str(cache)):
        return None
    with contextlib.suppress(MachineError):  # the memo is as good without the mark
        mark_used(cache, memo)
    for text in details.texts:
        settings.reporter.detail(text)
    settings.reporter.detail("reusing a remembered lock: the sources have not changed")
    for message in memo.messages:
        if message.kind == WARNING:
            settings.reporter.warning(message.text)
        elif message.kind == INFO:
            settings.reporter.info(message.text)
    return memo


def remember(
    settings: Settings, memo: Memo, result: Iterable[str], presentable: Callable[[str], str]
) -> None:
    """Keep the memo of a solve; `result` is what the command said of the lock, `presentable` hides secrets."""
    messages = [*memo.messages, *(Message(RESULT, text) for text in result)]
    shown = [Message(each.kind, presentable(each.text)) for each in messages]
    keep_memo(open_cache(settings).root, memo.saying(shown))


class _Details(Reporter):
    """Keeps details, and drops the rest: a solve says it if the memo does not hold, and the memo if it does."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def detail(self, text: str) -> None:
        self.texts.append(text)


class NotingReporter(Reporter):
    """Passes everything on, and notes warnings and messages."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self.messages: list[Message] = []

    def info(self, text: str) -> None:
        self.messages.append(Message(INFO, text))
        self._reporter.info(text)

    def detail(self, text: str) -> None:
        self._reporter.detail(text)

    def warning(self, text: str) -> None:
        self.messages.append(Message(WARNING, text))
        self._reporter.warning(text)

    def task(self, title: str, *, total: int | None, unit: str = "files") -> Task:
        return self._reporter.task(title, total=total, unit=unit)
