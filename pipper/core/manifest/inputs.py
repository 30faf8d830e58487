"""The part of a manifest that a lock depends on, and its differences in words."""

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from pipper.core.manifest.root_label import RootLabel, labelled

INDEX = "index"
"""The name of the index in `[sources]` and in the lock."""


PATH = "path"
"""The source of members in the lock; no repository and no index has this alias."""


class MemberInputs(Struct, frozen=True, kw_only=True):
    """What a lock depends on of a member."""

    path: str
    """Relative to the folder of the lock, separated by `/`."""
    editable: bool = True
    version: str = ""
    """Empty if its build backend computes it."""
    requires_python: str = ""
    requirements: tuple[str, ...] = ()
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    build_files: str = ""
    """If its backend computes what it requires: a digest of the files that the backend reads for that."""

    def difference(self, now: "MemberInputs") -> str:
        """Return the first difference from the member as it is `now`, in words; empty without one."""
        labels = ("requirements", "extras")
        for label in labels:
            before, after = (_texts(label, getattr(each, label)) for each in (self, now))
            if added := sorted(after - before):
                return f"requires {added[0]}, and the lock does not know that"
            if gone := sorted(before - after):
                return f"no longer requires {gone[0]}, and the lock was made with it"
        if self.build_files != now.build_files:
            return "has other build files than when it was locked"
        for label in self.__struct_fields__:
            before, after = getattr(self, label), getattr(now, label)
            if before != after and label not in labels:
                return f"has {label.replace('_', '-')} {_plain(after)}, in the lock it is {_plain(before)}"
        return ""


class Inputs(Struct, frozen=True, kw_only=True):
    """Every manifest key that can change a solution, normalised and sorted; a lock with equal inputs is fresh."""

    name: str = ""
    """The project's own name; in a lock only if a locked package requires it, else empty."""
    requires_python: str = ""
    requirements: tuple[str, ...] = ()
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    extras: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    repositories: tuple[str, ...] = ()
    """Aliases in order; their URLs are not compared."""
    index: bool = True
    indexes: Mapping[str, str] = field(default_factory=dict)
    """The further indexes, alias to URL."""
    private: tuple[str, ...] = ()
    """Names and patterns that no index is asked for."""
    prereleases: bool | tuple[str, ...] = False
    constraints: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    environments: tuple[str, ...] = ()
    """The declared environments: version of Python and platform tag."""
    as_of: str = ""
    """ISO 8601, UTC."""
    cool_down: str = ""
    build_allow: bool | tuple[str, ...] = False
    """The projects whose source distributions may be built; True for all."""
    members: Mapping[str, MemberInputs] = field(default_factory=dict)
    conflicts: tuple[tuple[str, ...], ...] = ()
    """Sets of extras, and of groups as `group:NAME`, that are never installed together."""
    files: Mapping[str, str] = field(default_factory=dict)
    """`[files]`: no solution depends on it, but each sync to the lock does."""

    def has_index(self, alias: str) -> bool:
        """Return whether `alias` names the index or a further one, not a repository."""
        return alias == INDEX or alias in self.indexes

    @property
    def roots(self) -> Mapping[RootLabel, tuple[str, ...]]:
        """The sets of requirements by label."""
        return labelled(self.requirements, self.groups, self.extras)

    def difference(self, manifest: "Inputs") -> str:
        """Return the first difference from the manifest in words; empty without one."""
        if not self.name:
            manifest = replace(manifest, name="")  # no locked package requires the project itself
        if self == manifest:
            return ""
        lists = ("requirements", "groups", "extras", "constraints", "overrides", "environments")
        for label in lists:
            old, new = _texts(label, getattr(self, label)), _texts(label, getattr(manifest, label))
            if added := sorted(new - old):
                return f"the manifest asks for {added[0]}, the lock does not"
            if gone := sorted(old - new):
                return f"the lock was made with {gone[0]}, the manifest no longer asks for it"
        if self.members != manifest.members:
            return _members_difference(self.members, manifest.members)
        for label in self.__struct_fields__:
            then, now = getattr(self, label), getattr(manifest, label)
            if then != now and label not in lists:
                key = label.replace("_", "-")
                return f"{key} is {_plain(now)} in the manifest and {_plain(then)} in the lock"
        return "the order of the manifest's entries"


def _members_difference(before: Mapping[str, MemberInputs], now: Mapping[str, MemberInputs]) -> str:
    for name in sorted({*before, *now}):
        if name not in before:
            return f"`{name}` is a member ({now[name].path}) now, and the lock does not have it"
        if name not in now:
            return f"the lock was made with the member `{name}` ({before[name].path}), which is no longer a member"
        if why := before[name].difference(now[name]):
            return f"the member `{name}` ({now[name].path}) {why}"
    return "the order of members"


def _texts(label: str, value: tuple[str, ...] | Mapping[str, tuple[str, ...]]) -> set[str]:
    if not isinstance(value, Mapping):
        kind = "" if label == "requirements" else f" ({label[:-1]})"
        return {f"`{text}`{kind}" for text in value}
    named = {f"`{text}` ({label[:-1]} `{name}`)" for name, texts in value.items() for text in texts}
    return named | {f"the {label[:-1]} `{name}`" for name in value}


def _plain(value: object) -> str:
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key} = {item}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(each if isinstance(each, str) else _plain(each) for each in value) + "]"
    if value == "":
        return "not set"
    return f"`{value}`" if isinstance(value, str) else str(value).lower()
