"""The result of `repository copy` as lines and as a document (`--json`; keys are stable)."""

from collections import Counter
from collections.abc import Iterator

from pipper.cli.output import visible
from pipper.core.wording import counted, human_size
from pipper.ops.repository.copy import CopyOutcome
from pipper.repository.copier import Copied

_WORDS = {"new": "would copy", "copied": "copied", "yanked": "yanked, as at the source:"}


def copy_lines(outcome: CopyOutcome) -> Iterator[str]:
    """Yield a line for each file that was copied or marked, or would be."""
    for each in outcome.files:
        if word := _WORDS.get(each.status):
            yield visible(f"{word} {each.filename}")


def copy_summary(outcome: CopyOutcome) -> str:
    """Return the line at the end."""
    found = Counter(each.status for each in outcome.files)
    size = sum(each.size for each in outcome.files if each.status in ("new", "copied"))
    parts = [f"{counted(found['copied'] + found['new'], 'file')} ({human_size(size)})"]
    parts += [
        f"{found[status]} {status}" for status in ("yanked", "already there", "failed") if found[status]
    ]
    verb = "to copy" if found["new"] and not found["copied"] else "copied"
    return f"{outcome.source} -> {outcome.target}: {verb} {', '.join(parts)}"


def copy_document(outcome: CopyOutcome) -> dict[str, object]:
    """`copy --json`: from, to, files (name, filename, status, size, error)."""
    return {
        "from": outcome.source,
        "to": outcome.target,
        "files": [_file_document(each) for each in outcome.files],
    }


def _file_document(each: Copied) -> dict[str, object]:
    return {
        "name": each.name,
        "filename": each.filename,
        "status": each.status,
        "size": each.size or None,
        "error": each.error.message if each.error else None,
    }
