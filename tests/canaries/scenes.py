"""The commands that are watched, and those that need not be."""

from collections.abc import Iterator, Mapping

import click

from tests.canaries import before
from tests.canaries.scene import Scene

_IN_CACHE = {"PIPPER_CACHE_DIR": before.CACHE}
_INNER = ("-b", f"file:{before.INNER}")
_WHEEL = "epsilon-1.0.0-py3-none-any.whl"
_PYLOCK = ("-o", "locks/pylock.toml")

_LOCKED: Mapping[str, Scene] = {
    "lock": Scene(args=("lock",), first=before.without_lock),
    "lock-again": Scene(args=("lock", "-U"), first=before.with_an_older_lock),
    "lock-members": Scene(args=("lock",), first=before.with_members_and_no_lock),
    "lock-workspace": Scene(args=("lock",), first=before.with_a_workspace),
    "lock-index": Scene(args=("lock",), first=before.without_lock, template="index", env=_IN_CACHE),
}
_SYNCED: Mapping[str, Scene] = {
    "sync-new": Scene(args=("sync",), first=before.without_environment),
    "sync-recorded": Scene(args=("sync",), first=before.without_environment, env=_IN_CACHE, is_quick=True),
    "sync-remade": Scene(args=("sync",), first=before.with_a_recipe, is_quick=True),
    "sync-changes": Scene(args=("sync",), first=before.for_another_lock),
    "sync-nothing": Scene(args=("sync",)),
    "sync-compile": Scene(args=("sync", "--compile")),
    "sync-finishes": Scene(args=("sync",), first=before.with_a_cut_off_change),
    "edit-finishes": Scene(args=("sync",), first=before.with_a_cut_off_edit),
    "sync-cold-cache": Scene(args=("sync",), first=before.without_environment, env=_IN_CACHE),
    "sync-verify": Scene(args=("sync", "--verify"), first=before.with_damage),
    "sync-hard-links": Scene(args=("sync", "--reinstall", "--link-mode", "hardlink"), env=_IN_CACHE),
    "sync-from": Scene(args=("sync", "--offline", "--from", "wheels"), first=before.with_saved_wheels),
    "sync-target": Scene(args=("sync", "-t", "vendor")),
    "sync-members": Scene(args=("sync",), first=before.with_members),
    "sync-members-again": Scene(args=("sync",), first=before.with_changed_members),
    "sync-members-wheels": Scene(args=("sync", "--no-editable"), first=before.with_members, env=_IN_CACHE),
    "sync-workspace": Scene(args=("sync",), first=before.with_a_locked_workspace),
    "sync-builds": Scene(args=("sync", "--reinstall"), template="index", env=_IN_CACHE),
    "run": Scene(args=("run", "no-such-program"), first=before.without_environment, code=2),
}
_EDITED: Mapping[str, Scene] = {
    "add": Scene(args=("add", "gamma")),
    "add-no-sync": Scene(args=("add", "gamma", "--no-sync")),
    "add-input": Scene(args=("add", "-i", "more.json"), first=before.with_more_requirements),
    "add-member": Scene(args=("add", "--path", "packages/lab"), first=before.with_a_member_to_add),
    "add-editable": Scene(args=("add", "--editable", "packages/lab"), first=before.with_a_member_to_add),
    "remove": Scene(args=("remove", "alpha")),
    "remove-member": Scene(args=("remove", "lab", "core"), first=before.with_installed_members),
    "file": Scene(args=("add", f"./{_WHEEL}"), first=before.with_a_wheel),
    "target": Scene(args=("install", "-t", "vendor", "alpha")),
    "target-upgrade": Scene(args=("install", "-t", "vendor", "-u", "alpha"), first=before.with_a_target),
    "target-uninstall": Scene(args=("uninstall", "-t", "vendor", "alpha"), first=before.with_a_target),
    "install": Scene(
        args=("install", "-b", "file:../repository", "gamma"),
        first=before.in_a_bare_environment,
        env={"VIRTUAL_ENV": ".venv"},
    ),
    "uninstall": Scene(
        args=("uninstall", "gamma"), first=before.with_a_bare_requirement, env={"VIRTUAL_ENV": ".venv"}
    ),
    "init": Scene(args=("init",), first=before.in_an_empty_folder),
    "init-from": Scene(args=("init", "--from", "pipper.json"), first=before.with_a_legacy_manifest),
}
_SHARED: Mapping[str, Scene] = {
    "export": Scene(args=("export", "-f", "pylock", *_PYLOCK), first=before.with_a_folder),
    "export-members": Scene(
        args=("export", "--build-members", *_PYLOCK), first=before.with_members_and_a_folder
    ),
    "download": Scene(args=("download", "-d", "wheels", "--bundles", "-e")),
    "download-members": Scene(
        args=("download", "-d", "wheels", "--build-members"), first=before.with_members
    ),
    "download-builds": Scene(args=("download", "-d", "wheels", "--build"), template="index", env=_IN_CACHE),
    "authorize": Scene(
        args=("authorize", "-o", "locks/signed.lock"), first=before.with_a_folder, template="bucket"
    ),
    "authorize-members": Scene(
        args=("authorize", "--build-members", *_PYLOCK),
        first=before.with_members_and_a_folder,
        template="bucket",
    ),
    "bundle": Scene(args=("bundle", ".", "-o", "dist"), first=before.to_build),
    "bundle-member": Scene(args=("bundle", "packages/lab", "-o", "dist"), first=before.with_members),
}
_PUBLISHED: Mapping[str, Scene] = {
    "publish": Scene(args=("publish", _WHEEL, *_INNER), first=before.with_a_wheel),
    "publish-site": Scene(args=("publish", _WHEEL, *_INNER), first=before.with_a_site),
    "yank": Scene(args=("yank", "alpha:1.0.0", *_INNER), first=before.with_a_site),
    "copy": Scene(args=("repository", "copy", "alpha", "--from", "acme", "--to", f"file:{before.INNER}")),
    "copy-lock": Scene(
        args=(
            *("repository", "copy", "--lock", "pipper.lock"),
            *("--from", "acme", "--to", f"file:{before.INNER}"),
        ),
        first=before.with_a_site,
    ),
    "copy-build": Scene(
        args=(
            *("repository", "copy", "promise", "--build", "promise"),
            *("--from", "index", "--to", f"file:{before.INNER}"),
        ),
        template="index",
        env=_IN_CACHE,
    ),
    "prune": Scene(args=("repository", "prune", "alpha:1.0.0", *_INNER), first=before.with_a_site),
    "site": Scene(args=("repository", "site", *_INNER), first=before.with_a_repository),
    "site-remove": Scene(args=("repository", "site", "--remove", *_INNER), first=before.with_a_site),
    "check": Scene(args=("repository", "check", *_INNER), first=before.with_a_site),
    "repair": Scene(args=("repository", "repair", *_INNER), first=before.with_a_broken_repository),
    "repair-legacy": Scene(args=("repository", "repair", *_INNER), first=before.with_a_legacy_repository),
    "repair-format": Scene(
        args=("repository", "repair", "--format", "2", *_INNER), first=before.with_a_legacy_repository
    ),
}
_CACHED: Mapping[str, Scene] = {
    "outdated": Scene(args=("outdated",), template="index", env=_IN_CACHE),
    "info": Scene(args=("info", "six"), template="index", env=_IN_CACHE),
    "audit": Scene(args=("audit", "--advisories", "advisories"), template="index", env=_IN_CACHE),
    "list": Scene(args=("list",), env=_IN_CACHE),
    "tree": Scene(args=("tree",), env=_IN_CACHE),
    "why": Scene(args=("why", "beta"), env=_IN_CACHE),
    "cache-size": Scene(args=("cache", "size"), first=before.with_a_cache, env=_IN_CACHE),
    "cache-prune": Scene(args=("cache", "prune", "--days", "0"), first=before.with_a_cache, env=_IN_CACHE),
    "cache-clean": Scene(args=("cache", "clean"), first=before.with_a_cache, env=_IN_CACHE),
}
SCENES = {**_LOCKED, **_SYNCED, **_EDITED, **_SHARED, **_PUBLISHED, **_CACHED}

READERS: Mapping[str, tuple[str, ...]] = {
    "cache dir": (),
    "repository packages": _INNER,
    "repository policy": ("-b", "acme-packages"),
    "repository list": (),
    "repository exists": ("acme",),
}
"""Commands that write nothing, with arguments."""
OF_THE_USER = frozenset({"repository add", "repository modify", "repository remove"})
"""Commands that write only below the home of the user, where a link is the user's own."""
ENDLESS = frozenset({"repository serve"})
"""Commands that end only with a signal, and write nothing."""


def commands(group: click.Group, above: str = "") -> Iterator[str]:
    """Yield the names of all commands of a group that are no groups, as they are typed."""
    context = click.Context(group)
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, f"{above}{name} ")
        else:
            yield f"{above}{name}"


def command_of(scene: Scene, known: frozenset[str]) -> str:
    """Return which of the known commands a scene runs."""
    (found,) = known & {" ".join(scene.args[:count]) for count in (1, 2)}
    return found
