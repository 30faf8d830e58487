"""Detection of files that a finished change lost in a power cut.

Files are not flushed one by one: that would cost more than the whole installation. The journal is flushed, and
kept as `unsettled.json` when its work is done. If the system was restarted since, its disk may not have written
everything. The distributions of that journal are then checked against RECORD once, and a damaged one loses
pipper's marks, so that the next plan reinstalls it.
"""

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec.structs import replace

from pipper.apply.installed_record import file_hash, parse_record
from pipper.apply.installer import Staged
from pipper.apply.journal import UNSETTLED, Journal, read_journal
from pipper.apply.journal_paths import own_distributions
from pipper.apply.schemes import Layout
from pipper.apply.stamp import boot_id
from pipper.core.reporter import Reporter
from pipper.python.environment import MARKS, Environment
from pipper.system.files import write_durable
from pipper.system.regular_file import read_regular


def settle(environment: Environment, layout: Layout, reporter: Reporter) -> None:
    """Check the distributions of the last changes, if the system was restarted since.

    Raises OSError, and IntegrityError if their journal names one outside the environment.
    """
    state = environment.state_dir
    journal = read_journal(state, UNSETTLED)
    if journal is None:
        return
    incoming = own_distributions(journal, environment, layout)
    if journal.boot == boot_id():
        return
    for each in incoming:
        if _is_damaged(each, layout):
            reporter.warning(f"{each.name} was damaged when the system went down, and is reinstalled")
            _unmark(each, layout)
    (state / UNSETTLED).unlink()


def with_unsettled(environment: Environment, layout: Layout, journal: Journal) -> Journal:
    """Return the journal to keep, with the distributions of earlier changes since the system started.

    Raises what `settle` raises.
    """
    earlier = read_journal(environment.state_dir, UNSETTLED)
    if earlier is None or earlier.boot != journal.boot:
        return journal
    incoming: Mapping[str, Staged] = {
        each.name: each for each in (*own_distributions(earlier, environment, layout), *journal.incoming)
    }
    return replace(journal, incoming=tuple(incoming.values()))


def _is_damaged(each: Staged, layout: Layout) -> bool:
    """Return whether RECORD or a file in it is damaged; a RECORD that another tool wrote since is not."""
    dist_info = layout.absolute(each.dist_info)
    if os.path.islink(dist_info):
        return False
    try:
        record = read_regular(f"{dist_info}/RECORD")
    except FileNotFoundError:
        return os.path.isdir(dist_info)
    written = each.record.encode()
    if record != written:
        return not record.strip(b"\0") or (len(record) < len(written) and written.startswith(record))
    library = each.dist_info[: each.dist_info.rfind("/") + 1]
    rows = ((layout.resolve(library, row.path), row) for row in parse_record(each.record, dist_info))
    return any(path and row.hash and not _has_hash(layout.absolute(path), row.hash) for path, row in rows)


def _has_hash(path: str, expected: str) -> bool:
    return os.path.isfile(path) and file_hash(path) == expected


def _unmark(each: Staged, layout: Layout) -> None:
    # The next plan needs the whole RECORD to remove what is left of the distribution.
    dist_info = Path(layout.absolute(each.dist_info))
    write_durable(dist_info / "RECORD", each.record.encode())
    (dist_info / MARKS).unlink(missing_ok=True)
