"""What a grammar is: examples, a reader, perhaps a writer, and how to bend a text of it."""

import json
import random
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tests.fuzz.texts import mutate_bytes, mutate_lines, mutate_word
from tests.fuzz.trees import copied, json_text, mutate_tree, toml_text, weight

Shape = Literal["json", "toml", "lines", "word"]

_HEAVIEST = 4 << 20
"""Characters of a tree that is not bent further."""
_LARGEST = 80 << 20
"""Bytes of a mutant: more than pipper reads of any document, and less than the memory of a trial."""


@dataclass(frozen=True, kw_only=True)
class Grammar:
    """A kind of text that comes from outside."""

    name: str
    shape: Shape
    """How its texts are bent: as trees, or line by line, or word by word."""
    examples: Callable[[], Sequence[bytes | str]]
    """Valid texts, best by the project's own writers."""
    read: Callable[[bytes], Any]
    """The reader, and what is done first with what it returns. None means: refused without an error."""
    write: Callable[[Any], bytes] | None = None
    """The writer, where there is one: what it writes must be read back equal."""
    passes: int = 1
    """How often a trial goes through a text, which decides how long it may take."""
    codes: frozenset[int] = frozenset({2, 4})
    """The exit codes of its errors."""
    words: tuple[str, ...] = ()
    """Words of the grammar, which mutations put in."""

    @cached_property
    def seeds(self) -> tuple[bytes, ...]:
        """The examples as bytes."""
        return tuple(each if isinstance(each, bytes) else each.encode() for each in self.examples())

    @cached_property
    def _trees(self) -> tuple[Any, ...]:
        return tuple(_tree(self.shape, seed) for seed in self.seeds)

    def mutant(self, seed: int, index: int) -> bytes:
        """Return the mutant of this number, always the same; the first ones are the examples."""
        if index < len(self.seeds):
            return self.seeds[index]
        rng = random.Random(f"{seed}:{self.name}:{index}")
        at = rng.randrange(len(self.seeds))
        count = rng.choices((1, 2, 3, 6), (60, 25, 10, 5))[0]
        data = self.seeds[at]
        is_whole = rng.random() < 0.8
        if is_whole:
            data = self._bent(rng, at, count)[:_LARGEST]
        if not is_whole or rng.random() < 0.05:
            for _ in range(count):
                data = mutate_bytes(rng, data, self.seeds)
        return data

    def _bent(self, rng: random.Random, at: int, count: int) -> bytes:
        if self.shape in ("json", "toml"):
            tree = copied(self._trees[at])
            for _ in range(count):
                if weight(tree) > _HEAVIEST:
                    break
                tree = mutate_tree(rng, tree, self.words)
            text = (json_text if self.shape == "json" else toml_text)(tree)
        else:
            text = self.seeds[at].decode("utf-8", "surrogateescape")
            for _ in range(count):
                text = (mutate_lines if self.shape == "lines" else mutate_word)(rng, text, self.words)
        errors = "surrogatepass" if rng.random() < 0.5 else "replace"
        return text.encode("utf-8", errors)


def _tree(shape: Shape, seed: bytes) -> Any:
    return json.loads(seed) if shape == "json" else tomllib.loads(seed.decode())


def text_of(data: bytes) -> str:
    """Return bytes as the text that a reader of words gets: like an argument or a JSON string, with surrogates."""
    return data.decode("utf-8", "surrogateescape")
