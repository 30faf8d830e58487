"""The index, which refuses names that a table of uv gives to a path, git, a URL or an index of its own."""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

from packaging.utils import NormalizedName

from pipper.core.manifest.inputs import INDEX
from pipper.core.manifest.model import Manifest
from pipper.core.ports import Release
from pipper.errors import UsageError
from pipper.index.source import IndexSource
from pipper.solve.router import WrappedSource


class GuardedIndex(WrappedSource):
    """See `ports.Source`. Raises UsageError, before any request, for a project that comes from elsewhere."""

    def __init__(self, index: IndexSource, manifest: Manifest) -> None:
        """Guard what `manifest.elsewhere` names; `[sources]` may give a name to the index all the same."""
        super().__init__(index)
        self._elsewhere: Mapping[NormalizedName, str] = {
            name: where
            for name, where in manifest.elsewhere.items()
            if not any(fnmatchcase(name, each) and to == INDEX for each, to in manifest.sources.items())
        }

    def holds(self, name: NormalizedName) -> bool:
        self._refuse([name])
        return super().holds(name)

    def prefetch(self, names: Iterable[NormalizedName]) -> None:
        wanted = tuple(names)
        self._refuse(wanted)
        super().prefetch(wanted)

    def releases(self, name: NormalizedName) -> Sequence[Release]:
        self._refuse([name])
        return super().releases(name)

    def _refuse(self, names: Iterable[NormalizedName]) -> None:
        for name in names:
            if name in self._elsewhere:
                raise UsageError(
                    f"`{name}` comes from {self._elsewhere[name]} in [tool.uv.sources], which pipper does not read",
                    cause="no repository has it, and the index must not receive a name that may be private",
                    hint=f'publish it to a repository, or write `{name} = "index"` into [tool.pipper.sources]',
                )
