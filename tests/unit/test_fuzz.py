"""Mutated wheels: nothing outside the environment, no untyped error; and the harness sees what it looks for.

By default some 2,000 mutants; `python -m tests.fuzz --count 1000000 --jobs 2` tries more.
"""

import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from pipper.apply import installer
from pipper.wheels import gate as wheel
from pipper.wheels import tree as wheeltree
from pipper.wheels.zip import layout as ziplayout
from pipper.wheels.zip.archive import ZipArchive
from pipper.wheels.zip.layout import Entry
from tests.fuzz import trial
from tests.fuzz.corpus import BUILT, CORPUS, Draft, Piece
from tests.fuzz.mutate import Mutant, mutant
from tests.fuzz.run import Tally, try_range


def told(tally: Tally) -> str:
    """Everything that was found, for the message of a failed test."""
    return "\n".join(f"--only {each.index}: {each.findings}" for each in tally.findings)


def test_mutants_of_a_fixed_seed_break_nothing() -> None:
    tally = try_range(20_261_123, 0, 1_500)
    assert not tally.failed, told(tally)
    assert tally.count == 1_500
    # Deep enough: some pass the gate, and the others fall to many different rules.
    assert 150 < tally.accepted < 750
    assert len(tally.families) > 60


def test_mutants_of_a_new_seed_break_nothing() -> None:
    seed = secrets.randbelow(1 << 32)
    print(f"python -m tests.fuzz --seed {seed}")  # noqa: T201 - the only way to make a failure again
    tally = try_range(seed, 0, 500)
    assert not tally.failed, f"seed {seed}: {told(tally)}"


def test_a_mutant_is_the_same_each_time() -> None:
    assert [mutant(7, index) for index in range(50)] == [mutant(7, index) for index in range(50)]
    assert len({mutant(7, index).data for index in range(50)}) > 40


@pytest.fixture
def place() -> Iterator[trial.Bench]:
    with trial.bench() as made:
        yield made


def drafted(*pieces: Piece, number: int = 0, index: int = 1) -> Mutant:
    """A wheel of the corpus with more members, all in RECORD; an odd `index` goes into a virtual environment."""
    draft = CORPUS[number].copy()
    draft.pieces[:0] = pieces
    draft.write_record(draft.lines())
    return Mutant(index=index, filename=draft.filename, data=draft.build(), recipe=())


@pytest.mark.parametrize("draft", CORPUS, ids=lambda draft: draft.filename[:30])
@pytest.mark.parametrize("index", range(2))
def test_every_wheel_of_the_corpus_is_accepted(place: trial.Bench, draft: Draft, index: int) -> None:
    found = Mutant(index=index, filename=draft.filename, data=BUILT[CORPUS.index(draft)], recipe=())
    outcome = place.try_one(found)
    assert (outcome.family, outcome.findings) == ("accepted", ())


def test_the_harness_sees_an_exception_that_is_not_ours(
    place: trial.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(raw: bytes, **more: Any) -> None:
        raise ValueError("planted")

    monkeypatch.setattr(wheel, "parse_metadata", broken)
    outcome = place.try_one(drafted())
    assert outcome.family == "untyped ValueError"
    assert "planted" in outcome.findings[0]


def test_the_harness_sees_a_change_outside(place: trial.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ziplayout, "path_fault", lambda path: "")
    piece = Piece(name=b"../../../../pipper-fuzz-escaped", data=b"x")
    findings = place.try_one(drafted(piece)).findings
    assert any("outside the environment" in finding for finding in findings), findings
    assert place.try_one(drafted()).findings == ()


def test_the_harness_sees_a_file_that_is_not_as_record_says(
    place: trial.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheel, "parse_record", _forgiving(wheel.parse_record))
    draft = CORPUS[0].copy()
    draft.pieces[0].data += b"# smuggled\n"
    found = Mutant(index=1, filename=draft.filename, data=draft.build(), recipe=())
    (finding,) = place.try_one(found).findings
    assert "RECORD" in finding


def _forgiving(real: Any) -> Any:
    """What takes RECORD's hashes for a form only: the lines have the digest of nobody."""

    def parse(raw: bytes, **more: Any) -> Any:
        return {path: _NoCheck(line) for path, line in real(raw, **more).items()}

    return parse


class _NoCheck:
    """A line of RECORD that equals every digest and size."""

    def __init__(self, line: Any) -> None:
        self.algorithm = line.algorithm
        self.size = None
        self.digest = _Anything(line.digest)


class _Anything(bytes):
    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = bytes.__hash__


def test_the_harness_sees_a_second_distribution(place: trial.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheeltree, "_target_fault", lambda scheme, target, owner: "")
    name = b"foo-1.0.data/purelib/smuggled-1.0.dist-info/METADATA"
    (finding,) = place.try_one(drafted(Piece(name=name, data=b"Name: smuggled\nVersion: 1.0\n"))).findings
    assert "smuggled" in finding


def test_the_harness_sees_what_other_readers_read_otherwise(
    place: trial.Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = ZipArchive.chunks

    def other(archive: ZipArchive, entry: Entry) -> Iterator[bytes]:
        pieces = b"".join(real(archive, entry))
        yield b"x = 1\n" if entry.name == "foo/__init__.py" else pieces

    monkeypatch.setattr(ZipArchive, "chunks", other)
    monkeypatch.setattr(wheel, "parse_record", _forgiving(wheel.parse_record))
    (finding,) = place.try_one(drafted()).findings
    assert "standard library" in finding


def test_the_harness_sees_what_is_left_behind(place: trial.Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installer.Stage, "_claim", lambda self, relative, row, owner, member="": True)
    monkeypatch.setattr(installer, "format_record", _without_the_first(installer.format_record))
    (finding,) = place.try_one(drafted(Piece(name=b"foo/a.py"))).findings
    assert "RECORD and files differ" in finding


def _without_the_first(real: Any) -> Any:
    return lambda rows: real(sorted(rows)[1:])
