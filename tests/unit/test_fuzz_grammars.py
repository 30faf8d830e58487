"""Mutants of every text from outside: a value or a typed error; and the harness sees what it looks for.

`python -m tests.fuzz --target all --seconds 600` tries more.
"""

import json
import secrets
import time
from collections.abc import Callable
from typing import Any

import pytest

from pipper.errors import MachineError, UsageError
from tests.fuzz import parsing
from tests.fuzz.grammars import GRAMMARS
from tests.fuzz.grammars.base import Grammar
from tests.fuzz.trees import json_text, mutate_tree, toml_text

EACH = pytest.mark.parametrize("grammar", GRAMMARS.values(), ids=GRAMMARS)


def tried(grammar: Grammar, count: int, seed: int = 7) -> parsing.Tally:
    return parsing.try_range(grammar, seed, 0, lambda index: index >= count)


@EACH
def test_every_example_is_accepted_and_read_back_equal(grammar: Grammar) -> None:
    tally = tried(grammar, len(grammar.seeds))
    assert not tally.findings, tally.findings[0].text
    assert tally.accepted == len(grammar.seeds) > 0


@EACH
def test_a_mutant_is_the_same_each_time(grammar: Grammar) -> None:
    mutants = [grammar.mutant(7, index) for index in range(8)]
    assert mutants == [grammar.mutant(7, index) for index in range(8)]
    assert len(set(mutants)) > 1


@EACH
def test_B01_mutants_are_read_or_refused_by_a_typed_error(grammar: Grammar) -> None:
    for seed, count in ((20_261_130, 100), (secrets.randbelow(1 << 32), 30)):
        tally = tried(grammar, count, seed)
        again = f"python -m tests.fuzz --target {grammar.name} --seed {seed} --only"
        assert not tally.findings, [(again, each.index, each.kind, each.text) for each in tally.findings]


def made(read: Callable[[bytes], Any], **more: Any) -> Grammar:
    return Grammar(name="made", shape="word", examples=lambda: ("x",), read=read, **more)


def kinds(grammar: Grammar) -> list[str]:
    return [finding.kind.partition(" at ")[0] for finding in tried(grammar, 1).findings]


def test_the_harness_sees_an_untyped_error() -> None:
    assert kinds(made(json.loads)) == ["JSONDecodeError"]


def test_the_harness_sees_an_error_with_another_exit_code() -> None:
    def read(data: bytes) -> None:
        raise MachineError("disk")

    assert kinds(made(read)) == ["exit code 8"]


def test_the_harness_sees_what_is_not_read_back_equal() -> None:
    assert kinds(made(bytes.upper, write=lambda value: b"y")) == ["broken"]


def test_the_harness_sees_what_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    def read(data: bytes) -> None:
        ends = time.process_time() + 5
        while time.process_time() < ends:
            pass

    monkeypatch.setattr(parsing, "LONGEST", 0.05)
    assert kinds(made(read)) == ["too long"]


def test_the_harness_counts_a_typed_error_as_refused() -> None:
    def read(data: bytes) -> None:
        raise UsageError("no")

    tally = tried(made(read), 1)
    assert (tally.accepted, tally.refused, tally.findings) == (0, 1, [])


def test_a_tree_is_written_as_json_and_as_toml() -> None:
    import random
    import tomllib

    tree = {"a": [1, {"b": "é\n"}], "c": True}
    assert json.loads(json_text(tree)) == tree
    assert tomllib.loads(toml_text(tree)) == tree
    mutants = [mutate_tree(random.Random(at), {"a": [1, {"b": "x"}]}, ("w",)) for at in range(30)]
    assert len({json_text(each) for each in mutants}) > 20
