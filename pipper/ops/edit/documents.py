"""Write manifest and lock of an edit: both or none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipper.core.manifest.members import ITSELF
from pipper.ops.context.project import Goal
from pipper.system.files import read_bytes, write_document


@contextmanager
def built_as_edited(goal: Goal, documents: Mapping[Path, bytes]) -> Iterator[Mapping[Path, bytes]]:
    """Have new manifests on the disk where members are built from them; yield the documents that are left to write.

    The project's own manifest is left too: it changes together with the lock. An error brings the old ones back.
    """
    if goal.project is None:
        yield documents
        return
    root, lock = goal.project.root, goal.project.lock_path
    is_built = any(each.path == ITSELF for each in goal.lock.members)
    early = {
        path: content
        for path, content in documents.items()
        if path != lock and (is_built or path.parent != root)
    }
    before = {path: read_bytes(path) for path in early}
    write_all(early)
    try:
        yield {path: content for path, content in documents.items() if path.parent == root}
    except BaseException:
        write_all({path: content for path, content in before.items() if content is not None})
        raise


def write_all(documents: Mapping[Path, bytes]) -> None:
    """Write all files or none; raises what `write_document` raises."""
    before = {path: read_bytes(path) for path in documents}
    try:
        for path, content in documents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_document(path, content)
    except BaseException:
        for path, old in before.items():
            if old is None:
                path.unlink(missing_ok=True)
            elif read_bytes(path) != old:
                write_document(path, old)
        raise
