"""RECORD of a mutant: true, stale or wrong."""

import random

from tests.fuzz.bytewise import flip, truncate
from tests.fuzz.corpus import Draft
from tests.fuzz.structural import edited, hostile_name
from tests.wheelhouse import record_of


def write_record(rng: random.Random, draft: Draft) -> str:
    """Write RECORD: true, so that the mutant gets deep; as it was; or wrong."""
    chance = rng.random()
    if chance < 0.08:
        return "RECORD as it was"
    lines = draft.lines()
    if chance > 0.75:
        for _ in range(rng.choices((1, 2, 3, 4), (60, 25, 10, 5))[0]):
            _wrong_line(rng, lines, draft)
        draft.write_record(lines)
        record = draft.piece(b"RECORD")
        if record is not None and chance > 0.95:
            record.data = rng.choice((edited, flip, truncate))(rng, record_of(lines))
        return "RECORD wrong"
    draft.write_record(lines)
    return "RECORD true"


def _wrong_line(rng: random.Random, lines: list[list[str]], draft: Draft) -> None:
    if not lines:
        return
    line = rng.choice(lines)
    what = rng.randrange(8)
    if what == 0 or len(line) != 3:
        lines.remove(line)
    elif what == 1:
        lines.append(list(line))
    elif what == 2:
        line[0] = hostile_name(rng, draft).decode("utf-8", "replace")
    elif what == 3:
        weak = ("md5=", "sha1=", "sha224=", "blake2b=", "SHA256=", "=", "sha256", "", "sha512=")
        line[1] = rng.choice(weak) + line[1].partition("=")[2]
    elif what == 4:
        line[1] = rng.choice(
            (line[1] + "=", line[1][:-1], line[1].replace("_", "/"), line[1].swapcase(), "sha256=é")
        )
    elif what == 5:
        line[2] = rng.choice(("", "0", "-1", "+3", " 3", "1e3", "\u0663", "9" * 30, "0" + line[2]))
    elif what == 6:
        line[:] = rng.choice(([*line, "more"], line[:2], [], ["", "", ""], ['"' + line[0], line[1], line[2]]))
    else:
        lines.append([hostile_name(rng, draft).decode("utf-8", "replace"), line[1], ""])
