"""How a new environment came out, remembered in the cache: the next one of the same lock is made of links alone.

A recipe lists the folders of an environment, the files of unpacked wheels and where each is linked, and the files that
are the environment's own. What pipper wrote for the packages (RECORD, marks, scripts) lies beside the recipe in the
cache, and is linked too. Other files that are in no wheel (`pyvenv.cfg`, the activation scripts) are written, because
people edit them.

    recipes/AB/DIGEST/recipe   the recipe, with a seal; DIGEST is that of the path of the environment
    recipes/AB/DIGEST/files/   the files that pipper wrote

A recipe is believed as the index of an unpacked wheel is (`cache.unpacked`): it has this user's seal, each folder that
it links from has the change time that it had, which no program can set, and each file has the size, time, mode and
owner that it had. So a recipe is void in a cache that was restored, and in a system that was restarted since: a power
cut may have lost what was written. Where one does not hold, the sync takes the long way, which proves all of it.

A sync that may have little to do imports this module, so it imports little.
"""

import fcntl
import os
import stat
import time

from pipper.apply.beside import Beside, is_set_aside, remove_leftovers
from pipper.apply.stamp import NewStamp, boot_id
from pipper.cache.parts import LOCK, RECIPES, is_private
from pipper.python.venv import STATE
from pipper.system.digest import digest
from pipper.system.seals import read_sealed

TYPE_CHECKING = False  # `typing` takes longer to import than all the rest
if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = "recipe"
FILES = "files"
FORMAT = "2"
_DAY = 86_400
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def recipe_place(root: str) -> str:
    """Return the folder of the recipe for the environment at `root`, relative to the cache."""
    name = digest(os.fsencode(root))
    return f"{RECIPES}/{name[:2]}/{name}"


def recipe_subject(root: str) -> str:
    """Return what a seal says that the recipe for the environment at `root` is."""
    return f"recipe {root}"


def environment_key(key: str, root: str) -> str:
    """Return the key of a recipe: `key` covers the inputs of the sync, this what else decides how files come out."""
    mask = os.umask(0o077)
    os.umask(mask)
    facts = (key, root, os.path.realpath(root), str(mask), str(os.geteuid()))
    return digest(*map(os.fsencode, facts))


class Recipe:
    """A recipe in the form in which it is written; see `to_text`."""

    __slots__ = ("covered", "files", "folders", "lines", "links", "listed", "sources", "texts")

    lines: "list[str]"
    """What the sync said."""
    folders: "list[str]"
    """The folders of the environment, each after the one that it is in."""
    links: "list[str]"
    """Symbolic links: path and target in turn."""
    texts: "list[str]"
    """Files to write: path, mode and content in turn."""
    sources: "list[str]"
    """Folders of the cache: path, change time and number of files in turn."""
    files: "list[str]"
    """The files of all `sources`: name, path in the environment, mode, size and time in turn."""
    covered: "list[str]"
    listed: "list[str]"
    """What the stamp covers (`stamp.stamped_paths`); `listed` has path and digest in turn."""


def to_text(recipe: Recipe, key: str, boot: str) -> bytes:
    """Return a recipe as bytes; raises ValueError for a part that cannot be written."""
    sections = [getattr(recipe, name) for name in _SECTIONS]
    fields = [FORMAT, key, boot, *(str(len(section)) for section in sections)]
    for section in sections:
        fields += section
    text = "\0".join(fields)
    if text.count("\0") != len(fields) - 1:
        raise ValueError("a field has a NUL")
    return os.fsencode(text)


_SECTIONS = Recipe.__slots__


def _read(place: str, root: str, key: str) -> Recipe | None:
    """Return the recipe at a place, if it is for this key and was written today in this run of the system."""
    path = f"{place}/{RECIPE}"
    # An old one is written again, so that `prune` sees that the wheels are in use.
    if os.lstat(path).st_mtime < time.time() - _DAY:
        return None
    text = read_sealed(path, recipe_subject(root))
    if text is None:
        return None
    fields = os.fsdecode(text).split("\0")
    boot = boot_id()
    if not boot or fields[:3] != [FORMAT, key, boot]:
        return None
    recipe, at = Recipe(), 3 + len(_SECTIONS)
    for name, count in zip(_SECTIONS, fields[3:at], strict=True):
        setattr(recipe, name, fields[at : at + int(count)])
        at += int(count)
    return recipe


def remake(cache: str, root: str, key: str, stamp_key: "Callable[[], str]") -> "list[str] | None":
    """Make the missing environment at `root` by its recipe, and return what the sync says that does so.

    `key` is its `environment_key`; `stamp_key` returns the key of its stamp once it is there, empty for none, and
    raises nothing. Returns None if there is no such recipe; raises OSError and ValueError if it does not hold, or if
    the disk refuses. Then nothing is left.
    """
    # An environment that a killed command set aside is brought back by the long way.
    if not is_private(cache) or is_set_aside(root):
        return None
    lock = os.open(f"{cache}/{LOCK}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)  # else the cache is being cleaned
        recipe = _read(f"{cache}/{recipe_place(root)}", root, key)
        if recipe is None:
            return None
        remove_leftovers(root)
        _carry_out(recipe, cache, root, stamp_key)
    finally:
        os.close(lock)
    return recipe.lines


def _carry_out(recipe: Recipe, cache: str, root: str, stamp_key: "Callable[[], str]") -> None:
    beside = Beside(root)
    lock = -1
    try:
        _put_together(recipe, cache, beside.descriptor)
        # Held until the stamp is written: the next writer waits for it.
        lock = os.open(f"{STATE}/lock", _NEW, 0o666, dir_fd=beside.descriptor)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        listed = zip(recipe.listed[::2], recipe.listed[1::2], strict=True)
        stamp = NewStamp(beside.descriptor, root, recipe.covered, listed)
        beside.move_in()
        stamp.write(stamp_key())
    except BaseException:
        beside.discard()
        raise
    finally:
        for each in (lock, beside.descriptor):
            if each >= 0:
                os.close(each)


def _put_together(recipe: Recipe, cache: str, folder: int) -> None:
    for path in recipe.folders:
        os.mkdir(path, dir_fd=folder)
    for path, mode, content in zip(*(recipe.texts[n::3] for n in range(3)), strict=True):
        _write(path, int(mode), os.fsencode(content), folder)
    own = os.geteuid()
    at = 0
    for path, changed, count in zip(*(recipe.sources[n::3] for n in range(3)), strict=True):
        end = at + 5 * int(count)
        source = os.open(f"{cache}/{path}", _FOLDER)
        try:
            if os.fstat(source).st_ctime_ns != int(changed):
                raise ValueError(path)
            _link(recipe.files[at:end], source, folder, own)
        finally:
            os.close(source)
        at = end
    for path, target in zip(recipe.links[::2], recipe.links[1::2], strict=True):
        os.symlink(target, path, dir_fd=folder)


def _link(files: "list[str]", source: int, folder: int, owner: int) -> None:
    """Link files of a folder of the cache; raises ValueError for one that was changed."""
    stat_of, link = os.stat, os.link
    for name, path, mode, size, mtime in zip(*(files[n::5] for n in range(5)), strict=True):
        found = stat_of(name, dir_fd=source, follow_symlinks=False)
        if (
            found.st_mtime_ns != int(mtime)
            or found.st_size != int(size)
            or found.st_mode != int(mode)
            or found.st_uid != owner
        ):
            raise ValueError(path)
        link(name, path, src_dir_fd=source, dst_dir_fd=folder, follow_symlinks=False)


def _write(path: str, mode: int, content: bytes, folder: int) -> None:
    descriptor = os.open(path, _NEW, mode, dir_fd=folder)
    try:
        while content:
            content = content[os.write(descriptor, content) :]
        if stat.S_IMODE(os.fstat(descriptor).st_mode) != mode:
            os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)
