"""What a power cut may have taken from a change that was finished.

Files are not flushed one by one: that would cost more than the whole installation (uv flushes none at all). The
journal is flushed, and kept as `unsettled.json` when its work is done. A system that was started anew since may
have lost what its disk had not written, so what that journal brought is then held against RECORD once, and what
does not hold loses pipper's marks: the next plan puts it in anew.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from pipper.apply.installed_record import file_hash, parse_record
from pipper.apply.installer import Staged
from pipper.apply.journal import UNSETTLED, Journal, boot_id, read_journal
from pipper.apply.schemes import Layout
from pipper.core.ports import Reporter
from pipper.python.environment import MARKS


def settle(state: Path, layout: Layout, reporter: Reporter) -> None:
    """Check what the last changes brought, if the system was started anew since; raises OSError."""
    journal = read_journal(state, UNSETTLED)
    if journal is None or journal.boot == boot_id():
        return
    for each in journal.incoming:
        if _is_damaged(each, layout):
            reporter.warning(f"{each.name} was damaged when the system went down, and is installed anew")
            _unmark(each, layout)
    (state / UNSETTLED).unlink()


def with_unsettled(state: Path, journal: Journal) -> Journal:
    """Return the journal to keep: what earlier changes brought in this run of the system stays in it."""
    earlier = read_journal(state, UNSETTLED)
    if earlier is None or earlier.boot != journal.boot:
        return journal
    incoming: Mapping[str, Staged] = {each.name: each for each in (*earlier.incoming, *journal.incoming)}
    return replace(journal, incoming=tuple(incoming.values()))


def _is_damaged(each: Staged, layout: Layout) -> bool:
    """Whether what RECORD says does not hold, RECORD itself included; not so where another tool came since."""
    dist_info = layout.absolute(each.dist_info)
    try:
        with open(f"{dist_info}/RECORD", "rb") as stream:
            record = stream.read()
    except FileNotFoundError:
        return os.path.isdir(dist_info)
    noted = each.record.encode()
    if record != noted:
        return not record.strip(b"\0") or (len(record) < len(noted) and noted.startswith(record))
    library = os.path.dirname(dist_info)
    return any(
        row.hash and not _holds(f"{library}/{row.path}", row.hash)
        for row in parse_record(each.record, dist_info)
    )


def _holds(path: str, expected: str) -> bool:
    try:
        return file_hash(path) == expected
    except FileNotFoundError:
        return False


def _unmark(each: Staged, layout: Layout) -> None:
    # With RECORD whole, the next plan can take out what is left of it.
    dist_info = Path(layout.absolute(each.dist_info))
    (dist_info / "RECORD").write_bytes(each.record.encode())
    (dist_info / MARKS).unlink(missing_ok=True)
