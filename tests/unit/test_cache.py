"""The cache: nothing half-written is seen, nothing tampered with is used."""

import errno
import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from pipper.cache.cache import Cache
from pipper.cache.cleaning import clean, prune, size
from pipper.cache.parts import PARTS
from pipper.cache.unpacked import UnpackedWheel, intact, read_index, to_index
from pipper.errors import IntegrityError, MachineError
from pipper.system.locks import os_lock
from tests.wheelhouse import make_wheel

BODY = b"some bytes" * 100
SHA256 = hashlib.sha256(BODY).hexdigest()
SUBJECT = "foo 1.2 from s3://bucket/key"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def wheel(cache: Cache, name: str = "foo", **parts: object) -> UnpackedWheel:
    path = make_wheel(cache.root.parent / "wheelhouse", name, "1.0", **parts)  # type: ignore[arg-type] # checked there
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    cache.add_file(path, sha256)
    return cache.unpack(sha256, path.name)


def receive(cache: Cache, pieces: Iterable[bytes], *, sha256: str = SHA256, size: int = len(BODY)) -> None:
    with cache.receive(sha256, size, subject=SUBJECT) as receiver:
        for piece in pieces:
            receiver.write(piece)


def litter(cache: Cache) -> list[Path]:
    return list((cache.root / "tmp").iterdir())


def test_a_file_is_held_once_it_is_whole(cache: Cache) -> None:
    with cache.receive(SHA256, len(BODY), subject=SUBJECT) as receiver:
        for start in range(0, len(BODY), 7):
            receiver.write(BODY[start : start + 7])
            assert cache.file(SHA256) is None
    path = cache.file(SHA256)
    assert path is not None
    assert path.read_bytes() == BODY
    assert litter(cache) == []


def test_M12_a_wrong_hash_names_what_was_expected_and_what_came(cache: Cache) -> None:
    other = "0" * 64
    with pytest.raises(IntegrityError) as caught:
        receive(cache, [BODY], sha256=other)
    expected = f"hash mismatch for foo 1.2: expected sha256:{other} got sha256:{SHA256} from s3://bucket/key"
    assert caught.value.message == expected
    assert cache.file(other) is None
    assert cache.file(SHA256) is None
    assert litter(cache) == []


def test_a_short_file_is_not_held(cache: Cache) -> None:
    with pytest.raises(IntegrityError, match=r"size mismatch for foo 1\.2"):
        receive(cache, [BODY[:-1]])
    assert cache.file(SHA256) is None


def test_S6_the_first_byte_too_many_ends_it(cache: Cache) -> None:
    with cache.receive(SHA256, len(BODY), subject=SUBJECT) as receiver:
        receiver.write(BODY)
        with pytest.raises(IntegrityError, match="longer than expected"):
            receiver.write(b"x")


def test_an_interrupted_file_is_not_held(cache: Cache) -> None:
    def pieces() -> Iterator[bytes]:
        yield BODY
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        receive(cache, pieces())
    assert cache.file(SHA256) is None
    assert litter(cache) == []


def test_a_restarted_file_counts_from_the_start(cache: Cache) -> None:
    with cache.receive(SHA256, len(BODY), subject=SUBJECT) as receiver:
        receiver.write(b"wrong")
        receiver.restart()
        receiver.write(BODY)
    assert cache.file(SHA256) is not None


def test_C5_a_file_that_a_power_cut_truncated_is_not_there(cache: Cache) -> None:
    with cache.receive(SHA256, len(BODY), subject=SUBJECT) as receiver:
        receiver.write(BODY)
    path = cache.file(SHA256)
    assert path is not None
    path.write_bytes(b"")
    assert Cache(cache.root).file(SHA256) is None
    assert not path.exists()


@pytest.mark.parametrize("key", ["", "abc", "../../etc/passwd", "A" * 64, "g" * 64, "/" * 64])
def test_only_a_sha256_is_a_key(cache: Cache, key: str) -> None:
    with pytest.raises(IntegrityError):
        cache.file(key)


def test_C8_many_may_bring_the_same_file_at_once(cache: Cache) -> None:
    failures: list[BaseException] = []

    def bring() -> None:
        try:
            with cache.receive(SHA256, len(BODY), subject=SUBJECT) as receiver:
                receiver.write(BODY)
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=bring) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    path = cache.file(SHA256)
    assert failures == []
    assert path is not None
    assert path.read_bytes() == BODY


def test_a_wheel_is_unpacked_once_and_described_without_opening_it(cache: Cache) -> None:
    files = {
        "foo/__init__.py": "x",
        "foo-1.0.data/scripts/tool": "#!python\n",
        "foo-1.0.data/scripts/sh": "#!/bin/sh\n",
    }
    made = wheel(cache, files=files, entry_points={"foo": "foo:main"}, requires=["bar>=1"])
    assert cache.unpacked(made.sha256) == made
    assert (made.name, made.version, made.dist_info, made.root_is_purelib) == (
        "foo",
        "1.0",
        "foo-1.0.dist-info",
        True,
    )
    assert made.requires_dist == ("bar>=1",)
    assert [(each.kind, each.name, each.module, each.attr) for each in made.entry_points] == [
        ("console", "foo", "foo", "main")
    ]
    assert {each.target for each in made.members if each.python_script} == {"tool"}
    assert {each.target for each in made.members if each.executable} == {"tool", "sh"}
    for member in made.members:
        content = (made.tree / member.path).read_bytes()
        assert (len(content), (made.tree / member.path).stat().st_mtime_ns) == (member.size, member.mtime_ns)


def test_an_index_is_read_as_it_was_written(cache: Cache) -> None:
    made = wheel(cache, entry_points={"foo": "foo:main"})
    place = made.tree.parent
    assert (place / "index.json").read_bytes() == to_index(made)
    assert read_index(place, made.sha256) == made


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 0}', b'{"format": 1}'])
def test_a_damaged_index_is_as_none_at_all(cache: Cache, text: bytes) -> None:
    made = wheel(cache)
    (made.tree.parent / "index.json").write_bytes(text)
    assert cache.unpacked(made.sha256) is None
    assert cache.unpack(made.sha256, made.filename).members


def test_a_wheel_that_the_gate_refuses_leaves_nothing(cache: Cache) -> None:
    path = make_wheel(cache.root.parent, "foo", "1.0")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    cache.add_file(path, sha256)
    with pytest.raises(IntegrityError):
        cache.unpack(sha256, "bar-1.0-py3-none-any.whl")
    assert cache.unpacked(sha256) is None
    assert cache.file(sha256) is not None
    assert litter(cache) == []


@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_a_damaged_cached_file_is_blamed_and_dropped(cache: Cache, damage: str) -> None:
    path = make_wheel(cache.root.parent, "foo", "1.0")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    cache.add_file(path, sha256)
    held = cache.file(sha256)
    assert held is not None
    if damage == "cut":
        held.write_bytes(held.read_bytes()[:50])
    else:
        held.unlink()
    later = Cache(cache.root)
    with pytest.raises(MachineError, match="damaged or missing") as caught:
        later.unpack(sha256, path.name)
    assert caught.value.hint
    assert later.file(sha256) is None


@pytest.mark.parametrize("tampering", ["content", "time", "gone", "link"])
def test_a_tree_that_was_tampered_with_is_not_intact_and_is_unpacked_anew(
    cache: Cache, tampering: str
) -> None:
    made = wheel(cache, files={"foo.py": "good"})
    file = made.tree / "foo.py"
    assert intact(made)
    match tampering:
        case "content":
            file.write_text("evil")
        case "time":
            os.utime(file, ns=(1, 1))
        case "gone":
            file.unlink()
        case _:
            file.unlink()
            file.symlink_to("/etc/passwd")
    assert not intact(made)
    anew = cache.renew(made)
    assert intact(anew)
    assert (anew.tree / "foo.py").read_text() == "good"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
@pytest.mark.parametrize("mode", [0o777, 0o775, 0o702, 0o720])
def test_a_cache_that_others_can_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    with pytest.raises(MachineError, match="others can write") as caught:
        Cache(tmp_path / "cache")
    assert "chmod go-w" in caught.value.hint


@pytest.mark.skipif(os.name == "nt" or os.geteuid() != 0, reason="only root can give a folder away")
def test_a_cache_of_another_user_is_refused(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    os.chown(tmp_path / "cache", 12345, 12345)
    with pytest.raises(MachineError, match="belongs to another user") as caught:
        Cache(tmp_path / "cache")
    assert "PIPPER_CACHE_DIR" in caught.value.hint


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_a_new_cache_is_for_its_user_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        Cache(tmp_path / "cache")
    finally:
        os.umask(old)
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_cleaning_takes_everything_and_says_how_much(cache: Cache) -> None:
    wheel(cache)
    before = size(cache)
    freed = clean(cache)
    assert freed.files == before.files
    assert freed.size == before.size > 0
    assert {path.name for path in cache.root.iterdir()} == {".lock", "CACHEDIR.TAG"}


def test_cleaning_and_pruning_leave_what_is_not_the_caches_own(tmp_path: Path) -> None:
    own = tmp_path / "thesis.txt"
    # Also where a folder has the name of a part of the cache: PIPPER_CACHE_DIR may be a home, or the root.
    others = [tmp_path / part / "holiday" / "one.jpg" for part in ("photos", *PARTS)]
    for path in (own, *others):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine")
        os.utime(path, (1, 1))
    cache = Cache(tmp_path)
    receive(cache, [BODY])
    assert size(cache).files == 1
    with cache.in_use():
        pass
    prune(cache, unused_days=0)
    assert clean(cache).files <= 1
    assert cache.file(SHA256) is None
    assert {path.read_bytes() for path in (own, *others)} == {b"mine"}
    assert not (tmp_path / "CACHEDIR.TAG").exists()


def test_a_new_cache_is_tagged_so_that_backups_pass_it_over(cache: Cache) -> None:
    tag = (cache.root / "CACHEDIR.TAG").read_bytes()
    assert tag.startswith(b"Signature: 8a477f597d28d172789f06886806bc55\n")


def test_what_the_disk_refused_to_remove_is_gone_at_the_end(
    cache: Cache, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = os.unlink
    refused: list[str] = []

    def refusing(path: str, *, dir_fd: int | None = None) -> None:
        if not refused:
            refused.append(path)
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        remove(path, dir_fd=dir_fd)

    with cache.in_use():
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", refusing)
            with pytest.raises(IntegrityError):
                receive(cache, [BODY], sha256="0" * 64)
        assert len(litter(cache)) == 1
    assert litter(cache) == []


def test_pruning_takes_what_was_not_used_for_long_and_litter(cache: Cache) -> None:
    old, new = wheel(cache, "old"), wheel(cache, "new")
    for path in (cache.file(old.sha256), old.tree.parent / "index.json"):
        assert path is not None
        os.utime(path, (1, 1))
    (cache.root / "tmp" / ("0" * 32)).mkdir()
    freed = prune(cache, unused_days=30)
    assert freed.files > 0
    assert cache.unpacked(old.sha256) is None
    assert cache.file(old.sha256) is None
    assert cache.unpacked(new.sha256) == new
    assert cache.file(new.sha256) is not None
    assert not (cache.root / "tmp").exists()


def test_using_a_wheel_keeps_it_from_being_pruned(cache: Cache) -> None:
    made = wheel(cache)
    os.utime(made.tree.parent / "index.json", (1, 1))
    assert cache.unpacked(made.sha256) == made
    prune(cache, unused_days=1)
    assert cache.unpacked(made.sha256) == made


def test_C8_pruning_waits_for_those_who_use_the_cache(cache: Cache) -> None:
    made = wheel(cache)
    waits, done = threading.Event(), threading.Event()

    def work() -> None:
        clean(cache, waiting=waits.set)
        done.set()

    cleaner = threading.Thread(target=work)
    with cache.in_use():
        cleaner.start()
        assert waits.wait(30)
        assert not done.is_set()
        assert cache.unpacked(made.sha256) == made
    cleaner.join(30)
    assert done.is_set()
    assert cache.unpacked(made.sha256) is None


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs limits of a process")
def test_C6_a_full_disk_is_told_with_path_and_bytes_needed(cache: Cache) -> None:
    import resource
    import signal

    def pieces() -> Iterator[bytes]:
        while True:
            yield b"x" * 1_000

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_500, before[1]))
    try:
        with pytest.raises(MachineError) as caught:
            receive(cache, pieces(), size=2_000_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)
    assert str(cache.root) in caught.value.message
    assert "2,000,000 bytes" in caught.value.cause
    assert litter(cache) == []


def test_C1_what_a_killed_command_left_goes_once_nobody_else_uses_the_cache(
    cache: Cache, tmp_path: Path
) -> None:
    left = cache.root / "tmp" / ("0" * 32) / "tree"
    left.mkdir(parents=True)
    other = Cache(cache.root)
    with os_lock(cache.root / ".lock", shared=True), other.in_use():
        assert left.exists()  # it may be that other one's
    with other.in_use():
        assert litter(cache) == []


def test_C8_pruning_waits_for_what_is_being_brought_in_by_whoever_does_not_say_so(cache: Cache) -> None:
    started, pruned = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        prune(Cache(cache.root), unused_days=0)
        pruned.set()

    thread = threading.Thread(target=work)
    with cache.receive(SHA256, len(BODY), subject="foo") as receiver:
        thread.start()
        started.wait()
        assert not pruned.wait(0.1)
        receiver.write(BODY)
    thread.join()
    assert pruned.is_set()


def test_C1_pruning_takes_the_unfinished_pages_of_an_index_at_once(cache: Cache) -> None:
    site = cache.root / "index" / "0123456789abcdef"
    site.mkdir(parents=True)
    for name in (".pipper-0123456789abcdef.tmp", "foo.page"):
        (site / name).touch()
    prune(cache, unused_days=1)
    assert [path.name for path in site.iterdir()] == ["foo.page"]


def test_C1_a_tag_that_was_cut_off_is_written_anew_and_nobody_elses_folder_gets_one(tmp_path: Path) -> None:
    whole = Path(Cache(tmp_path / "whole").root / "CACHEDIR.TAG").read_bytes()
    cut = tmp_path / "cut"
    cut.mkdir(mode=0o700)
    (cut / "CACHEDIR.TAG").write_bytes(whole[:10])
    Cache(cut)
    assert (cut / "CACHEDIR.TAG").read_bytes() == whole
    (tmp_path / "theirs" / "photos").mkdir(parents=True)
    (tmp_path / "theirs").chmod(0o700)
    Cache(tmp_path / "theirs")
    assert not (tmp_path / "theirs" / "CACHEDIR.TAG").exists()
