"""Wheels that are small in the repository and large on the disk or in memory (H19 to H21), and `--limit`."""

import functools
import shutil
import subprocess
import sys
import zlib
from pathlib import Path

import pytest

from pipper.core.archive_limits import Limits
from tests.commands import CHECKOUT
from tests.hostile import INFO, NAME, Arena, info_file, member, parts, wheel_with
from tests.invariants import Workspace
from tests.zipcraft import DEFLATED, FULL, Member, craft, with_zip64_end, zip64

MB = 1 << 20
ZEROS = 16 * MB
MEMORY = """
import sys
from pipper.cli.boundary import run
try:
    run(sys.argv[1:])
finally:
    with open("/proc/self/status") as status:
        print(next(line for line in status if line.startswith("VmHWM")).split()[1])
"""
"""Runs a command and prints the most memory that it had, in kB."""


@functools.cache
def packed_zeros(size: int) -> bytes:
    deflater = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflater.compress(b"\0" * ZEROS) + deflater.flush(zlib.Z_FULL_FLUSH)
    return block * (size // ZEROS) + b"\x03\0"


class Zeros(Member):
    """A member of zeros, packed as one block again and again: a gigabyte of it is made in no time."""

    def __init__(self, name: str, size: int, **told: dict[str, object]) -> None:
        super().__init__(name=name.encode(), data=b"\0" * 10, method=DEFLATED, **told)  # type: ignore[arg-type]  # only local and central
        self.length = size

    def packed(self) -> bytes:
        return packed_zeros(self.length)

    def facts(self, changes: dict[str, object]) -> dict[str, object]:
        return super().facts({"size": self.length, **changes})


def swollen(size: int) -> bytes:
    """A wheel that tells the truth, and unpacks to `size` zeros."""
    return wheel_with({"epsilon/zeros": b"\0" * size})


def memory_of(workspace: Workspace, *args: str | Path) -> int:
    """The most memory, in bytes, that a command which must be exit 4 had."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, *map(str, args)],
        cwd=workspace.app,
        env=workspace.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 4, done.stderr
    return int(done.stdout) << 10


def test_H19_a_bomb_is_refused_with_the_limit_and_what_raises_it(arena: Arena) -> None:
    arena.refuses(
        craft(parts(Zeros("epsilon/zeros", 1024 * MB))),
        "unpacks to 1,073,74",
        "at most 50:1 is allowed above 67,108,864 bytes (limit `ratio`)",
        hint="`--limit ratio=10",
    )


def test_H19_more_than_may_be_unpacked_at_all_is_refused(arena: Arena) -> None:
    lie: dict[str, object] = {"size": FULL, "extra": zip64(17 << 30)}
    arena.refuses(
        craft(parts(Member(name=b"zeros", method=DEFLATED, local=lie, central=lie))),
        "unpacks to 18,253,61",
        "more than 17,179,869,184 (limit `unpacked`)",
        hint="`--limit unpacked=18253",
    )


def test_H19_a_member_that_unpacks_to_more_than_it_says_is_stopped(arena: Arena) -> None:
    lie: dict[str, object] = {"size": 10}
    arena.refuses(
        craft(parts(Zeros("epsilon/zeros", 1024 * MB, local=lie, central=lie))),
        "'epsilon/zeros': damaged zip: it unpacks to more than 10 bytes",
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.parametrize("lie", [{}, {"size": 10}], ids=["honest", "lying"])
def test_H19_a_bomb_takes_no_memory_and_no_disk(lie: dict[str, object], arena: Arena) -> None:
    body = craft(parts(Zeros("epsilon/zeros", 1024 * MB, local=lie, central=lie)))
    workspace, wheel = arena.workspace, arena.base / NAME
    wheel.write_bytes(body)
    publish = memory_of(workspace, "publish", wheel, "-b", workspace.url)
    wheel.unlink()
    with arena.planted(body), arena.unchanged():
        arena.locked()
        sync = memory_of(workspace, "sync")
        assert (
            list((workspace.root / "tmp").rglob("*")) == list((workspace.root / "cache/tmp").rglob("*")) == []
        )
        assert list((workspace.root / "cache" / "wheels").glob("*/*")) == []
    assert max(publish, sync) < 200 * MB


def test_H20_members_that_share_their_data_are_refused(arena: Arena) -> None:
    """Fifield's bomb: unpacked one by one these would be 200 GB."""
    kernel = Zeros("kernel", 1024 * MB)
    shared = [
        Zeros(f"z{number}", 1024 * MB, central={"offset": 0, "size": 1 * MB, "packed": len(kernel.packed())})
        for number in range(200)
    ]
    for each in shared:
        each.in_file = False
    small: dict[str, object] = {"size": 1 * MB}
    kernel.local = kernel.central = small
    body = craft([kernel, *shared, *parts()])
    assert len(body) < 2 * MB
    arena.refuses(body, "unpacks to", hint="--limit ratio=")
    for each in (kernel, *shared):
        each.local, each.central = {"size": 1000}, {**each.central, "size": 1000}
    arena.refuses(
        craft([kernel, *shared, *parts()]), "damaged zip: it overlaps the next member or the directory"
    )


def test_H20_a_member_inside_another_is_refused(arena: Arena) -> None:
    quoted = Member(name=b"quoted", data=craft([member("inner", b"x" * 99)])[:-22])
    inner = Member(name=b"inner", data=b"x" * 99, method=DEFLATED, in_file=False, central={"offset": 36})
    arena.refuses(craft([quoted, inner, *parts()]), "damaged zip: it overlaps the next member")


def test_H20_a_zip_in_a_wheel_is_a_file_and_is_not_looked_into(arena: Arena, empty: Workspace) -> None:
    bomb = craft([Zeros("zeros", 1024 * MB)])
    wheel = empty.root / "wheels" / NAME
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(wheel_with({"epsilon/nested.zip": bomb}))
    empty.publish(wheel)
    empty.write_manifest("epsilon")
    empty.run("lock")
    empty.run("sync", "-t", empty.root / "target")
    assert (empty.root / "target" / "epsilon" / "nested.zip").read_bytes() == bomb


@pytest.mark.parametrize("size", [0, 1, 2**31, 2**32 - 2])
def test_H20_sizes_that_lie_are_refused(size: int, arena: Arena) -> None:
    lie: dict[str, object] = {"size": size, "packed": size}
    arena.refuses(craft(parts(Member(name=b"x", local=lie, central=lie))))


@pytest.mark.parametrize("size", [0, 2**63, 2**64 - 1])
def test_H20_64_bit_sizes_that_lie_are_refused(size: int, arena: Arena) -> None:
    lie: dict[str, object] = {"size": FULL, "packed": FULL, "extra": zip64(size, size)}
    arena.refuses(craft(parts(Member(name=b"x", local=lie, central=lie))))


def test_H21_70_000_members_are_refused_by_their_number(arena: Arena) -> None:
    body = craft(
        [*parts(), *(Member(name=b"x/%d" % number, data=b"") for number in range(70_000))], here=0, count=0
    )
    body = with_zip64_end(body, here=70_004, count=70_004)
    arena.refuses(
        body, "has 70,004 members, more than 65,535 (limit `members`)", hint="`--limit members=70004`"
    )


def test_H21_a_directory_of_200_megabytes_is_refused_unread(arena: Arena) -> None:
    good = craft(parts())
    size, offset = 200 * MB, len(good)
    end = craft([], size=size, offset=offset, here=1, count=1)
    workspace, wheel = arena.workspace, arena.base / NAME
    with wheel.open("wb") as file:
        file.write(good)
        file.truncate(offset + size)
        file.seek(0, 2)
        file.write(end)
    try:
        done = workspace.run("publish", wheel, "-b", workspace.url, code=4)
        assert "has a directory of 209,715,200 bytes, more than 16,777,216 (limit `directory`)" in done.stderr
        assert "`--limit directory=209715200`" in done.stderr
        if sys.platform.startswith("linux"):
            assert memory_of(workspace, "publish", wheel, "-b", workspace.url) < 200 * MB
    finally:
        wheel.unlink()


def test_H21_a_directory_above_the_limit_is_refused_by_sync(arena: Arena) -> None:
    padding = {"extra": b"\xfe\xca\xf0\xff" + b"x" * 0xFFF0}
    many = [Member(name=b"x/%d" % number, data=b"", central=dict(padding)) for number in range(260)]
    arena.refuses(craft([*parts(), *many]), "(limit `directory`)", hint="`--limit directory=1")


def test_H21_a_comment_of_64_kilobytes_is_refused(arena: Arena) -> None:
    arena.refuses(
        craft(parts(), comment=b"x" * 65_000),
        "has a comment of more than 1,024 bytes (limit `comment`)",
        hint="`--limit comment=65000`",
    )
    commented = Member(name=b"x", central={"comment": b"x" * 65_000})
    arena.refuses(craft(parts(commented)), "comment of more than 1,024 bytes (limit `comment`)")


def test_H21_a_text_that_is_read_whole_is_refused_above_its_limit(arena: Arena) -> None:
    many = b"".join(b"x%d = epsilon:f\n" % number for number in range(80_000))
    arena.refuses(
        wheel_with(entry_points_txt=b"[console_scripts]\n" + many),
        "entry_points.txt': is larger than 1,048,576 bytes (limit `text`)",
        hint="`--limit text=1",
    )
    arena.refuses(
        wheel_with(METADATA=info_file("METADATA") + b"\n" + b"word " * (4 * MB)),
        "METADATA': is larger than 16,777,216 bytes (limit `record`)",
        hint="`--limit record=20",
    )


@pytest.fixture
def big(empty: Workspace) -> Workspace:
    """A wheel that is larger than the limits, beside an empty repository."""
    wheel = empty.root / "wheels" / NAME
    wheel.parent.mkdir(parents=True)
    wheel.write_bytes(swollen(65 * MB))
    return empty


def test_a_limit_that_is_raised_lets_a_wheel_be_published_and_synced(big: Workspace) -> None:
    wheel = big.root / "wheels" / NAME
    target = big.root / "target"
    refused = big.run("publish", wheel, "-b", big.url, code=4)
    option = refused.stderr.partition("`--limit ")[2].partition("`")[0]
    assert option.startswith("ratio=")
    big.run("publish", wheel, "-b", big.url, "--limit", option)
    big.write_manifest("epsilon")
    big.run("lock")
    assert f"`--limit {option}`" in big.run("sync", "-t", target, code=4).stderr
    assert not target.exists()
    big.run("sync", "-t", target, "--limit", option)
    assert (target / "epsilon" / "zeros").stat().st_size == 65 * MB
    shutil.rmtree(target)


def test_limits_may_stand_in_a_variable(big: Workspace) -> None:
    wheel = big.root / "wheels" / NAME
    big.run("publish", wheel, "-b", big.url, code=4, env={"PIPPER_LIMIT": "ratio=1200 unpacked=64M"})
    big.run("publish", wheel, "-b", big.url, env={"PIPPER_LIMIT": "ratio=1200 unpacked=1G"})
    told = big.run("repository", "check", "-b", big.url, code=1).stdout
    assert "(limit `ratio`)" in told
    big.run("repository", "check", "-b", big.url, "--limit", "ratio=1200")


@pytest.mark.parametrize(
    ("limit", "told"),
    [
        ("size=1", "unknown limit `size`"),
        ("raisable=0", "unknown limit `raisable`"),
        ("ratio", "`ratio` does not set a number"),
        ("ratio=", "`ratio=` does not set a number"),
        ("ratio=-1", "`ratio=-1` does not set a number"),
        ("unpacked=32T", "`unpacked=32T` does not set a number"),
        ("unpacked=" + "9" * 99, "does not set a number"),
    ],
)
def test_a_limit_that_is_none_is_a_usage_error(limit: str, told: str, empty: Workspace) -> None:
    empty.write_manifest("epsilon")
    done = empty.run("sync", "--limit", limit, code=2)
    assert told in done.stderr


def test_the_docs_name_every_limit_and_its_default() -> None:
    page = (CHECKOUT / "docs" / "syncing-and-installing.md").read_text(encoding="utf-8")
    limits = Limits()
    for name, shown in {
        "unpacked": f"{limits.unpacked >> 30}G",
        "ratio": str(limits.ratio),
        "members": str(limits.members),
        "directory": f"{limits.directory >> 20}M",
        "comment": f"{limits.comment >> 10}K",
        "record": f"{limits.record >> 20}M",
        "text": f"{limits.text >> 20}M",
    }.items():
        assert f"| `{name}={shown}` |" in page


def test_a_bundle_is_held_against_its_format_and_not_against_limits(empty: Workspace) -> None:
    bundle = empty.root / "epsilon-v1-0-0.pipper"
    empty.root.mkdir(parents=True)
    bundle.write_bytes(craft([member("package.meta"), member("package.whl"), member(f"{INFO}/x")]))
    done = empty.run("publish", bundle, "-b", empty.url, code=4)
    assert "--limit" not in done.stderr
