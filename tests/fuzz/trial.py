"""One mutant: the gate, unpacking, installing and removing, and all that must hold whatever it is.

An error is of `pipper.errors`, with the right exit code and a text of one printable line; nothing outside the
environment changes; what was accepted is unpacked as the standard library reads it, every file is listed in
RECORD with its hash, nothing else came with it, and removing it leaves what was there before.
"""

import errno
import hashlib
import os
import re
import shutil
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from pipper.apply.transaction import apply_plan
from pipper.apply.verify import verify
from pipper.cache.cache import Cache
from pipper.cache.unpacked import UnpackedWheel
from pipper.core.plan import make_plan
from pipper.errors import IntegrityError, MachineError, PipperError
from pipper.python.environment import Environment, environment_of, installed, target_directory
from pipper.python.new_venv import make_venv
from pipper.wheels.gate import WheelFile, check_publishable, open_wheel
from pipper.wheels.member_paths import shortened
from tests.fuzz.hostile import ESCAPED
from tests.fuzz.looking import Look, digest, identities, look, record_lines, streamed
from tests.fuzz.mutate import Mutant
from tests.workshop import this_interpreter, wanted_of

LONGEST = 10.0
"""Seconds of processor time that one mutant may take."""

_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'…?|\"(?:[^\"\\]|\\.)*\"…?|`[^`]*`|[\d,]+")
_LIST = re.compile(r"\(.*\)")
_NOT_UNPACKED = (
    "RECORD",
    "RECORD.jws",
    "RECORD.p7s",
    "INSTALLER",
    "REQUESTED",
    "direct_url.json",
    "pipper.json",
)
_ACCEPTED = "accepted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a mutant."""

    index: int
    family: str
    """`accepted`, or kind and text of the error without what is particular to this mutant."""
    findings: tuple[str, ...]
    """What did not hold."""
    seconds: float
    """Processor time."""


class TooLong(BaseException):
    """A mutant took more than `LONGEST`."""


class _Broken(Exception):  # noqa: N818 - it says what is broken, and never leaves this module
    """Something that must hold does not."""


class Bench:
    """A folder with canaries, a cache and environments, for one mutant after another."""

    def __init__(self, root: Path) -> None:
        self._box = root / "a" / "b" / "c"
        """Deep enough that a path of a few `..` lands in what is watched."""
        self._root = root
        self._place = self._box / "area"
        self._cache_root = self._box / "cache"
        self._file = self._box / "wheel"
        for name in ("foo", "bin", "lib", "tmp", "x", "home"):
            (self._box / name).mkdir(parents=True)
            (self._box / name / "canary").write_text(name)
        self._place.mkdir()
        (self._place / "canary").write_text("beside the environment")
        self._venv = environment_of(make_venv(self._place / "venv", this_interpreter()))
        self._target = target_directory(self._place / "target", this_interpreter())
        self._file.touch()
        self._canaries = self._look_around()
        self._fresh_venv = look(self._venv.root)
        self._is_venv_used = False

    def try_one(self, mutant: Mutant) -> Outcome:
        """Take a mutant through everything; never raises."""
        started = time.process_time()
        findings: list[str] = []
        family = ""
        try:
            with limited(LONGEST):
                family = self._through(mutant)
        except _Broken as broken:
            family, findings = "broken", [str(broken)]
        except TooLong:
            family, findings = "too long", [f"it took more than {LONGEST} s of processor time"]
        except Exception as error:  # noqa: BLE001 - any other exception is what is looked for
            family = f"untyped {type(error).__name__}"
            findings = ["".join(traceback.format_exception(error))]
        seconds = time.process_time() - started
        findings += self._changed_outside()
        self._clear(spoilt=bool(findings))
        return Outcome(index=mutant.index, family=family, findings=tuple(findings), seconds=seconds)

    def _through(self, mutant: Mutant) -> str:
        self._file.write_bytes(mutant.data)
        try:
            with open_wheel(self._file, filename=mutant.filename) as wheel:
                wheel.verify()
                name = wheel.name
                fault = _fault(wheel)
        except PipperError as error:
            return _family("gate", _checked(error, IntegrityError), mutant.filename)
        more = _family("; not publishable", _checked(fault, IntegrityError), mutant.filename) if fault else ""
        sha256 = hashlib.sha256(mutant.data).hexdigest()
        cache = Cache(self._cache_root)
        cache.add_file(self._file, sha256)
        try:
            unpacked = cache.unpack(sha256, mutant.filename)
            self._check_unpacked(unpacked)
            environment = self._venv if mutant.index % 2 else self._target
            self._install(environment, cache, unpacked)
        except PipperError as error:
            if isinstance(error, MachineError) and _is_too_long(error):
                return _family("machine", error, mutant.filename)
            return _family("apply", _checked(error, IntegrityError), mutant.filename)
        if [each.name for each in installed(environment)] != [name]:
            raise _Broken(f"installed are {[each.name for each in installed(environment)]}, not {name}")
        self._check_installed(environment)
        if mutant.index % 4 < 2:
            self._remove(environment, cache)
        return _ACCEPTED + more

    def _install(self, environment: Environment, cache: Cache, wheel: UnpackedWheel) -> None:
        self._is_venv_used = environment is self._venv
        plan = make_plan([wanted_of(wheel)], [])
        apply_plan(plan, environment=environment, present=(), wheels={wheel.sha256: wheel}, cache=cache)

    def _check_unpacked(self, wheel: UnpackedWheel) -> None:
        """The tree holds what the standard library reads from the archive."""
        left_out = {f"{wheel.dist_info}/{name}" for name in _NOT_UNPACKED}
        with zipfile.ZipFile(self._file) as archive:
            names = [name for name in archive.namelist() if not name.endswith("/")]
            bodies = {name: archive.read(name) for name in archive.namelist()}
        theirs = {name: body for name, body in bodies.items() if name in names and name not in left_out}
        if len(names) != len(set(names)):
            raise _Broken("the standard library reads a name twice")
        if dict(streamed(self._file.read_bytes())) != bodies:
            raise _Broken("who reads from the front, without the directory, sees other members")
        ours = {path: content[1] for path, content in look(wheel.tree).items() if content[0] != "folder"}
        if ours != {name: digest(body) for name, body in theirs.items()}:
            raise _Broken("the tree in the cache is not what the standard library reads")

    def _check_installed(self, environment: Environment) -> None:
        drift = verify(environment, installed(environment), hashes=True)
        if drift:
            raise _Broken(f"RECORD is not true: {drift[0].path}: {drift[0].problem}")
        there = look(environment.root)
        if environment is self._venv:
            if {path: there.get(path) for path in self._fresh_venv} != self._fresh_venv:
                raise _Broken("files of the environment's own were changed")
            there = {path: seen for path, seen in there.items() if path not in self._fresh_venv}
        library = os.path.relpath(environment.scheme.purelib, environment.root)
        (info,) = (path for path in there if path.endswith(".dist-info/RECORD"))
        listed = dict(record_lines(environment.root / info, library))
        files = {
            path: seen
            for path, seen in there.items()
            if seen[0] != "folder" and not path.startswith(".pipper")
        }
        if files.keys() != listed.keys():
            raise _Broken(f"RECORD and files differ in {sorted(files.keys() ^ listed.keys())[:3]}")
        for path, (kind, seen, mode) in files.items():
            if kind != "file" or mode not in (0o644, 0o755):
                raise _Broken(f"{path} is a {kind} of mode {mode}")
            if listed[path] not in ("", f"sha256={seen}"):
                raise _Broken(f"{path} is not as RECORD says")
            if not listed[path] and path != info:
                raise _Broken(f"RECORD has no hash of {path}")
        own = {path for path in there if path.startswith(".pipper/")}
        if any(path.startswith((".pipper/stage", ".pipper/journal")) for path in own):
            raise _Broken(f"left behind: {sorted(own)[:3]}")

    def _remove(self, environment: Environment, cache: Cache) -> None:
        present = installed(environment)
        plan = make_plan([], present, exact=True)
        apply_plan(plan, environment=environment, present=present, wheels={}, cache=cache)
        left = {path: seen for path, seen in look(environment.root).items() if not path.startswith(".pipper")}
        before = self._fresh_venv if environment is self._venv else {}
        if left != before:
            raise _Broken(f"removing it left {sorted(left.keys() ^ before.keys())[:3]}")

    def _changed_outside(self) -> list[str]:
        found = []
        around = self._look_around()
        if around != self._canaries:
            odd = sorted(
                path for path in around | self._canaries if around.get(path) != self._canaries.get(path)
            )
            found.append(f"changed outside the environment: {odd[:3]}")
            self._canaries = around
        escaped = Path("/tmp", ESCAPED)
        if os.path.lexists(escaped):
            found.append(f"written outside the environment: {escaped}")
        return found

    def _look_around(self) -> Look:
        """Everything but the environments, the cache and the mutant."""
        left_alone = (self._venv.root, self._target.root, self._cache_root, self._file)
        return dict(identities(str(self._root), "", frozenset(map(str, left_alone))))

    def _clear(self, *, spoilt: bool) -> None:
        if self._cache_root.exists():
            shutil.rmtree(self._cache_root)
        if self._target.root.exists():
            shutil.rmtree(self._target.root)
        if not self._is_venv_used:
            return
        self._is_venv_used = False
        for path in sorted(look(self._venv.root), reverse=True):
            if path not in self._fresh_venv:
                place = self._venv.root / path
                place.rmdir() if place.is_dir() and not place.is_symlink() else place.unlink()
        if spoilt or look(self._venv.root) != self._fresh_venv:
            shutil.rmtree(self._venv.root)
            make_venv(self._venv.root, this_interpreter())
            self._fresh_venv = look(self._venv.root)


@contextmanager
def bench() -> Iterator[Bench]:
    """A bench in memory where the system has a folder for that, else in the temporary folder."""
    memory = Path("/dev/shm")
    place = str(memory) if memory.is_dir() and os.access(memory, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="pipper-fuzz-", dir=place) as root:
        yield Bench(Path(root))


def _fault(wheel: WheelFile) -> PipperError | None:
    """Why it may not be published."""
    try:
        check_publishable(wheel)
    except PipperError as error:
        return error
    return None


def _checked(error: PipperError, kind: type[PipperError]) -> PipperError:
    """The error, once it is of the right kind and can be shown in one line."""
    if type(error) is not kind:
        raise _Broken(f"{type(error).__name__}, not {kind.__name__}: {error.message} ({error.cause})")
    for text in (error.message, error.cause, error.hint):
        if not text.isprintable() or len(text) > 2_000:
            raise _Broken(f"an error that cannot be shown in a line: {text!r}")
    return error


def _is_too_long(error: MachineError) -> bool:
    """Whether the system cannot have so long a path: each name is short enough, all together are not."""
    return isinstance(error.__cause__, OSError) and error.__cause__.errno == errno.ENAMETOOLONG


def _family(stage: str, error: PipperError, filename: str) -> str:
    text = error.message
    for subject in (filename, shortened(filename)):
        text = text.removeprefix(f"{subject}: ")
    text = _QUOTED.sub("…", _LIST.sub("(…)", text)).removeprefix("member …: ")
    return f"{stage} {type(error).__name__}({error.exit_code}): {text[:100]}"


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong once the block took so much processor time, where the system can tell."""
    if sys.platform == "win32":
        yield
        return

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
