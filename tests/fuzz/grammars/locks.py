"""Locks: pipper's own, authorized ones, those with a merge conflict, and those of PEP 751."""

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace
from packaging.pylock import Pylock
from packaging.utils import canonicalize_name

from pipper.core.lock.merge import merged_lock
from pipper.core.lock.model import (
    Dependency,
    Lock,
    LockedBundle,
    LockedEnvironment,
    LockedFile,
    LockedPackage,
)
from pipper.core.lock.pylock import every_wheel, lock_of, parse_pylock
from pipper.core.lock.pylock_writer import dump_pylock, dump_requirements, to_pylock
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection, select
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.inputs import Inputs
from pipper.core.target import serves
from pipper.errors import UsageError
from pipper.ops.lock.read_any import refuse_expired
from tests.fake_source import LINUX
from tests.fuzz.grammars.base import Grammar
from tests.fuzz.texts import DIGITS

_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_SHA = "0123456789abcdef" * 4
_ALPHA, _BETA, _DEV = (canonicalize_name(name) for name in ("alpha", "beta-x", "dev"))


def _lock() -> Lock:
    alpha = LockedPackage(
        name=_ALPHA,
        version="1.2.3",
        source="acme",
        dependencies=(Dependency(name=_BETA),),
        wheels=(
            LockedFile(
                key="Alpha/v1-2-3.pipper",
                wheel="Alpha-1.2.3-py3-none-any.whl",
                size=9,
                sha256=_SHA,
                bundle=LockedBundle(sha256=_SHA[::-1], size=11),
            ),
            LockedFile(key="alpha/ab/alpha-1.2.3-cp311-cp311-win32.whl", size=10, sha256=_SHA),
        ),
    )
    url = "https://files.example.com/beta_x-2.0rc1-py3-none-any.whl"
    beta = LockedPackage(
        name=_BETA,
        version="2.0rc1",
        source="index",
        wheels=(LockedFile(url=url, size=12, sha256=_SHA),),
    )
    part = LockedEnvironment(
        target=LINUX.reduced_to(()),
        packages=(alpha.pin, beta.pin),
        groups={_DEV: (beta.pin,)},
        conditions=('python_full_version < "3.11.5"',),
    )
    mac = replace(part.target, name="cp311-macosx_13_0_arm64")
    return Lock(
        inputs=Inputs(
            name="own",
            requires_python=">=3.9",
            requirements=("alpha>=1",),
            groups={_DEV: ("beta-x",)},
            sources={"acme-*": "acme"},
            repositories=("acme",),
            constraints=("beta-x<3",),
            prereleases=("beta-x",),
            as_of="2026-11-01T00:00:00+00:00",
            cool_down="7d",
        ),
        repositories={"acme": "s3://acme-packages/pipper"},
        environments=(
            LockedEnvironment(target=mac, packages=(), failure="no wheel of alpha fits"),
            part,
        ),
        packages=(alpha, beta),
    )


def _authorized() -> Lock:
    query = (
        "?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261101T000000Z&X-Amz-Expires=600&X-Amz-Signature=ab"
    )

    def signed(_package: LockedPackage, file: LockedFile) -> LockedFile:
        return replace(
            file, key="", url=f"https://b.s3.example.com/{file.key or 'x/' + file.filename}{query}"
        )

    return replace(_lock().with_files(signed), expires_at=datetime(2026, 11, 1, 0, 10, tzinfo=UTC))


def _read(data: bytes) -> Lock:
    lock = parse_lock(data, label="pipper.lock")
    everything = Selection(all_groups=True, all_extras=True)
    for part in lock.environments:
        serves(part.target, LINUX, part.conditions)
        if not part.failure:
            select(lock, part, everything)
    with contextlib.suppress(UsageError):
        exported = to_pylock(lock, everything)
        if lock.expires_at is not None:  # then every file has a URL
            assert parse_pylock(dump_pylock(exported).encode(), label="pylock.toml") == exported
    with contextlib.suppress(UsageError):
        dump_requirements(lock, Selection())
    refuse_expired(lock, label="pipper.lock", now=_NOW)
    return lock


def _conflict() -> bytes:
    ours = dump_lock(_lock())
    theirs = ours.replace("2.0rc1", "2.1").replace("beta-x<3", "beta-x<4")
    merged: list[str] = []
    for one, other in zip(ours.splitlines(), theirs.splitlines(), strict=True):
        merged += (
            [one] if one == other else ["<<<<<<< HEAD", one, "||||||| base", "=======", other, ">>>>>>> b"]
        )
    return ("\n".join(merged) + "\n").encode()


def _pylock(data: bytes) -> Pylock:
    pylock = parse_pylock(data, label="pylock.toml")
    base = Path(os.sep, "srv")
    for selection in (Selection(), Selection(all_groups=True, all_extras=True)):
        with contextlib.suppress(UsageError):
            lock_of(pylock, LINUX, selection, base=base, label="pylock.toml")
    every_wheel(pylock, base=base, label="pylock.toml")
    return pylock


_PYLOCK = f"""lock-version = "1.0"
environments = ["sys_platform == 'linux'", "sys_platform == 'win32'"]
requires-python = ">=3.9"
extras = ["x"]
dependency-groups = ["dev"]
default-groups = ["dev"]
created-by = "other"
[[packages]]
name = "alpha"
version = "1.2.3"
marker = "'x' in extras or python_version > '3'"
requires-python = ">=3.8"
dependencies = [{{name = "beta-x"}}]
index = "https://index.example.com/simple"
wheels = [
  {{name = "alpha-1.2.3-py3-none-any.whl", upload-time = 2024-05-06T07:08:09Z, size = 12, \
url = "https://files.example.com/alpha-1.2.3-py3-none-any.whl", hashes = {{sha256 = "{_SHA}"}}}},
  {{path = "wheels/alpha-1.2.3-cp311-cp311-win32.whl", hashes = {{sha256 = "{_SHA}"}}}}]
[[packages.attestation-identities]]
kind = "x"
[[packages]]
name = "beta-x"
marker = "'dev' in dependency_groups"
archive = {{url = "https://files.example.com/beta_x-2-py3-none-any.whl", hashes = {{sha256 = "{_SHA}"}}}}
[[packages]]
name = "gamma"
version = "1"
marker = "sys_platform == 'win32'"
sdist = {{name = "gamma-1.tar.gz", path = "gamma-1.tar.gz", hashes = {{sha256 = "{_SHA}"}}}}
[tool.other]
key = 1
"""

_WORDS = (
    "../x.whl",
    "C:/x.whl",
    "https://169.254.169.254/x.whl",
    "https://u:p@h/alpha-1.2.3-py3-none-any.whl",
    "https://[x/alpha-1.2.3-py3-none-any.whl",
    f"alpha=={DIGITS}",
    "alpha==",
    "beta-x==2.0rc1",
    "cp311-" + "9" * 300,
    f"cp3{DIGITS}-win32",
    f"cp311-manylinux_2_{DIGITS}_x86_64",
    f"cp311-manylinux_2_{10**9}_x86_64",
    f"cp311-macosx_{10**9}_0_arm64",
    "python_full_version < '3'",
    "platform_release == 'x'",
    "<<<<<<< HEAD",
    "=======",
    ">>>>>>> b",
    "|||||||",
)

GRAMMARS = (
    Grammar(
        name="lock",
        shape="toml",
        examples=lambda: (dump_lock(_lock()),),
        read=_read,
        write=lambda lock: dump_lock(lock).encode(),
        passes=2,
        codes=frozenset({2, 4, 5}),
        words=_WORDS,
    ),
    Grammar(
        name="authorized-lock",
        shape="toml",
        examples=lambda: (dump_lock(_authorized()),),
        read=_read,
        write=lambda lock: dump_lock(lock).encode(),
        passes=2,
        codes=frozenset({2, 4, 5}),
        words=(*_WORDS, "X-Amz-Expires=" + DIGITS, "X-Amz-Date=00000000T000000Z", "Expires=-1&Signature=x"),
    ),
    Grammar(
        name="lock-text",
        shape="lines",
        examples=lambda: (dump_lock(_lock()), dump_lock(_authorized())),
        read=_read,
        write=lambda lock: dump_lock(lock).encode(),
        passes=2,
        codes=frozenset({2, 4, 5}),
        words=(*_WORDS, "[[packages]]", "[inputs]", "a." * 3_000 + "b = 1", "'''"),
    ),
    Grammar(
        name="lock-conflict",
        shape="lines",
        examples=lambda: (_conflict(),),
        read=lambda data: merged_lock(data, label="pipper.lock"),
        words=_WORDS,
    ),
    Grammar(
        name="pylock",
        shape="toml",
        examples=lambda: (_PYLOCK, dump_pylock(to_pylock(_authorized(), Selection()))),
        read=_pylock,
        words=_WORDS,
    ),
)
