"""Write manifest and lock of an edit: both or none."""

from collections.abc import Mapping
from pathlib import Path

from pipper.system.files import read_bytes, write_document


def write_all(documents: Mapping[Path, bytes]) -> None:
    """Write all files or none; raises what `write_document` raises.

    After an error a file that somebody else wrote since stays as it is.
    """
    before = {path: read_bytes(path) for path in documents}
    try:
        for path, content in documents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_document(path, content)
    except BaseException:
        for path, old in before.items():
            if read_bytes(path) != documents[path]:
                continue
            if old is None:
                path.unlink(missing_ok=True)
            elif old != documents[path]:
                write_document(path, old)
        raise
