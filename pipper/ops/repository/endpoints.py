"""The two ends of a copy: an alias of the manifest, a named repository, or a URL."""

from msgspec.structs import replace

from pipper.core.manifest.inputs import INDEX
from pipper.core.redaction import shown
from pipper.core.wording import quoted
from pipper.errors import UsageError
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.context.open_repositories import open_repositories
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import declared_here, refuse_outside
from pipper.repository.source import Repository


def at_end(settings: Settings, text: str) -> Settings:
    """Return settings in which `text` is the one repository of a command; raises UsageError if it is unknown."""
    options = settings.repositories
    if "://" in text or text.startswith("file:"):
        return replace(settings, repositories=replace(options, bucket=text, repository=""))
    declared, _ = declared_here(settings)
    named = list_named(settings).entries
    known = {entry.alias for entry in declared}
    if text in known:
        return replace(settings, repositories=replace(options, bucket="", repository=""))
    if text in named:
        return replace(settings, repositories=replace(options, bucket="", repository=text))
    raise UsageError(
        f"`{shown(text)}` is not a repository",
        cause=f"known: {quoted(sorted({*known, *named}))}",
        hint=(
            f"the directory of that name is ./{text}"
            if (settings.directory / text).is_dir()
            else "give an alias of the manifest, a named repository, s3://BUCKET/PREFIX, ./DIR or file:///DIR"
        ),
    )


def open_end(settings: Settings, text: str) -> Repository:
    """Open a repository by alias, name or URL, without a request; raises as `at_end` and `open_repositories`."""
    declared, base = declared_here(settings)
    only = tuple(entry for entry in declared if entry.alias == text)
    return open_repositories(at_end(settings, text), only, base=base)[0]


def open_target(settings: Settings, text: str) -> Repository:
    """Open the end that is written to, as `open_end`; raises MachineError if a link leads its directory out."""
    repository = open_end(settings, text)
    refuse_outside(repository, declared_here(settings)[1])
    return repository


def is_index(text: str) -> bool:
    """Return whether an end of a copy is the index."""
    return text == INDEX
