"""Repositories and the commands that change them: each is to lose nothing, whatever happens to a request."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.shelf import Shelf

LEFT_BEHIND = "alpha/0123456789abcdef/alpha-3.0.0-py3-none-any.whl"
"""What an interrupted publish left."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A repository before the command, and the command."""

    arguments: tuple[str | Path, ...]
    older: Mapping[str, bytes] = field(default_factory=dict)
    """Pages as they were one write before, by key."""
    days: int = 0
    """How many days after the last write the command runs."""


def _filled(shelf: Shelf) -> bytes:
    """Publish alpha 1.0.0 and beta, yank beta; return the page of alpha before another version came."""
    shelf.publish(shelf.wheel("alpha"), shelf.wheel("beta"))
    older = shelf.body("alpha/index.json")
    shelf.publish(shelf.wheel("alpha", "1.1.0"))
    shelf.yank("beta:1.0.0", reason="bad")
    return older


def first(shelf: Shelf) -> Setting:
    """The first publish into an empty bucket."""
    return Setting(arguments=("publish", shelf.wheel("alpha"), shelf.wheel("beta")))


def publish(shelf: Shelf) -> Setting:
    """Publish one more version."""
    older = _filled(shelf)
    wheel = shelf.wheel("alpha", "2.0.0")
    return Setting(arguments=("publish", wheel), older={"alpha/index.json": older})


def force(shelf: Shelf) -> Setting:
    """Replace a published wheel."""
    older = _filled(shelf)
    other = shelf.wheel("alpha", "1.0.0", folder="other", files={"alpha.py": "other = True\n"})
    return Setting(arguments=("publish", "--force", other), older={"alpha/index.json": older})


def yank(shelf: Shelf) -> Setting:
    """Yank a version."""
    older = _filled(shelf)
    return Setting(arguments=("yank", "alpha:1.0.0", "--reason", "bad"), older={"alpha/index.json": older})


def unyank(shelf: Shelf) -> Setting:
    """Take the mark away."""
    _filled(shelf)
    return Setting(arguments=("yank", "beta:1.0.0", "--undo"))


def repair(shelf: Shelf) -> Setting:
    """Repair a lost wheel, a lost METADATA, an entry that is wrong, and sweep what an old publish left."""
    _filled(shelf)
    shelf.drop(shelf.key("alpha-1.0.0-py3-none-any.whl"))
    shelf.drop(shelf.key("alpha-1.1.0-py3-none-any.whl.metadata"))
    older = shelf.body("alpha/index.json")

    def harm(page: dict[str, list[dict[str, object]]]) -> None:
        page["files"][1]["size"] = 1

    shelf.edit_page("alpha", harm)
    shelf.put(LEFT_BEHIND, b"left behind")
    return Setting(arguments=("repository", "repair"), older={"alpha/index.json": older}, days=2)


def lost_page(shelf: Shelf) -> Setting:
    """Repair a project whose page is gone, where a wheel was replaced."""
    _filled(shelf)
    older = shelf.body("alpha/index.json")
    other = shelf.wheel("alpha", "1.0.0", folder="other", files={"alpha.py": "other = True\n"})
    shelf.publish(other, force=True)
    shelf.drop("alpha/index.json")
    return Setting(arguments=("repository", "repair"), older={"alpha/index.json": older})


def format_2(shelf: Shelf) -> Setting:
    """Move what 0.x published, beside a page of pipper 1, to format 2."""
    shelf.fill_legacy()
    for key in ("Acme_Base/v1-1-0.pipper", "acme-top/v1-0-0__build_build_5.pipper"):
        shelf.drop(key)
    shelf.publish(shelf.wheel("alpha"))
    return Setting(arguments=("repository", "repair", "--format", "2"))


WORLDS: dict[str, Callable[[Shelf], Setting]] = {
    each.__name__: each for each in (first, publish, force, yank, unyank, repair, lost_page, format_2)
}


def plain(page: bytes) -> str:
    """Return a page without the times in it, which differ between runs."""
    try:
        document = json.loads(page)
    except ValueError:
        return repr(page)
    for entry in (*document.get("files", ()), *document.get("_pipper", {}).get("bundles", ())):
        entry.pop("upload-time", None)
    return json.dumps(document, sort_keys=True)
