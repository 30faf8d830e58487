"""Write manifest and lock of an edit: both or none."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipper.core.manifest.members import ITSELF
from pipper.ops.context.project import Goal
from pipper.system.files import read_bytes, write_document


@contextmanager
def built_as_edited(goal: Goal, documents: Mapping[Path, bytes]) -> Iterator[None]:
    """Have the new manifest on the disk where the project itself is built from it; an error brings the old one back."""
    path = goal.project.manifest_path if goal.project else None
    is_built = any(each.path == ITSELF for each in goal.lock.members)
    if path is None or path not in documents or not is_built:
        yield
        return
    before = read_bytes(path)
    write_document(path, documents[path])
    try:
        yield
    except BaseException:
        if before is not None:
            write_document(path, before)
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
