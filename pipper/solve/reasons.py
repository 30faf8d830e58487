"""The reasons for clauses, from which explanations of conflicts are made."""

from typing import Literal

from msgspec import Struct
from packaging.utils import NormalizedName

from pipper.core.lock.model import Pin
from pipper.core.manifest.root_label import BY_PROJECT, PROJECT, RootLabel
from pipper.solve.catalogue import Need

LimitOrigin = Literal["manifest", "option", "rest"]
"""What sets a constraint: the manifest, an option of the command, or the solution of the rest of the project."""


class Asked(Struct, frozen=True, kw_only=True):
    """A root set requires something."""

    label: RootLabel
    need: Need
    asks: str = BY_PROJECT

    def __str__(self) -> str:
        asks = self.asks if self.label == PROJECT else f"{self.label} requires"
        return f"{asks} {self.need.text}"


class Requires(Struct, frozen=True, kw_only=True):
    """Candidates of a project, or an extra of them, require something."""

    name: NormalizedName
    extra: str
    carriers: int
    """The candidates, as bits of the project's shelf."""
    need: Need


class Limited(Struct, frozen=True, kw_only=True):
    """A constraint, or an unmanaged distribution, limits the versions of a project."""

    need: Need
    by: Pin | None = None
    """The unmanaged distribution that requires it; None for a constraint."""
    origin: LimitOrigin = "manifest"

    def __str__(self) -> str:
        if self.by:
            by = f"{self.by.name} {self.by.version}"
            return f"{by}, which is already installed, requires {self.need.text}"
        if self.origin == "option":
            return f"this command asks for {self.need.text}"
        if self.origin == "rest":
            return f"the rest of the project has {self.need.text}"
        return f"the manifest's constraints limit {self.need.name} to {self.need.specifier}"


class Withheld(Struct, frozen=True, kw_only=True):
    """Pre-releases and yanked releases of a project that may not be chosen."""

    name: NormalizedName
    bits: int


class Rejected(Struct, frozen=True):
    """A set of choices with a pre-release or yanked release that its own requirements do not admit."""


class Unfit(Struct, frozen=True, kw_only=True):
    """A candidate whose metadata cannot be used."""

    name: NormalizedName
    bit: int
    extra: str
    why: str
