"""From (seed, index) to one mutant, always the same: a valid wheel that was bent in one to four places."""

import random
from dataclasses import dataclass

from tests.fuzz.bytewise import BYTEWISE
from tests.fuzz.corpus import BUILT, CORPUS
from tests.fuzz.lawless import write_record
from tests.fuzz.structural import STRUCTURAL, WEIGHTS

_WEIGHTS = (6, 6, 1, 4, 3, 4, 4, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A file that claims to be a wheel."""

    index: int
    filename: str
    data: bytes
    recipe: tuple[str, ...]
    """What was done, in order."""


def mutant(seed: int, index: int) -> Mutant:
    """Return the mutant of this number."""
    rng = random.Random(f"{seed}:{index}")
    number = rng.choices(range(len(CORPUS)), _WEIGHTS)[0]
    recipe = [f"corpus[{number}]"]
    if rng.random() < 0.35:
        filename, data = CORPUS[number].filename, BUILT[number]
        steps = BYTEWISE
    else:
        draft = CORPUS[number].copy()
        for step in rng.choices(STRUCTURAL, WEIGHTS, k=_count(rng)):
            recipe.append(step.__name__.lstrip("_"))
            step(rng, draft)
        recipe.append(write_record(rng, draft))
        filename, data = draft.filename, draft.build()
        steps = BYTEWISE if rng.random() < 0.08 else ()
    if steps:
        for change in rng.choices(steps, k=_count(rng)):
            recipe.append(change.__name__.lstrip("_"))
            data = change(rng, data)
    return Mutant(index=index, filename=filename, data=data, recipe=tuple(recipe))


def _count(rng: random.Random) -> int:
    return rng.choices((1, 2, 3, 4), (60, 25, 10, 5))[0]
