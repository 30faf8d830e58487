"""PEP 751: what others wrote is read for one environment, what we write says the same to others."""

import sys
from pathlib import Path
from typing import Any

import pytest
from packaging.markers import default_environment
from packaging.pylock import Pylock
from packaging.version import Version

from pipper.core.lock.model import Lock, LockedBundle, LockedEnvironment, LockedFile, LockedPackage, Pin
from pipper.core.lock.pylock import every_wheel, lock_of, parse_pylock
from pipper.core.lock.pylock_writer import dump_pylock, dump_requirements, to_pylock
from pipper.core.lock.reader import parse_lock
from pipper.core.lock.selection import Selection
from pipper.core.lock.writer import dump_lock
from pipper.core.manifest.inputs import Inputs
from pipper.core.target import Target
from pipper.errors import IntegrityError, UsageError

BASE = Path("/srv/app")
ZEROS = "0" * 64


def target(name: str = "cp311-manylinux_2_28_x86_64", **markers: str) -> Target:
    linux = {
        "implementation_name": "cpython",
        "implementation_version": "3.11.9",
        "os_name": "posix",
        "platform_machine": "x86_64",
        "platform_python_implementation": "CPython",
        "platform_release": "6.1",
        "platform_system": "Linux",
        "platform_version": "1",
        "python_full_version": "3.11.9",
        "python_version": "3.11",
        "sys_platform": "linux",
    }
    return Target(name=name, markers={**linux, **markers})


LINUX = target()
MAC = target(
    "cp311-macosx_14_0_arm64",
    sys_platform="darwin",
    platform_system="Darwin",
    platform_machine="arm64",
)


def package(name: str, version: str = "1.0", *, more: str = "", wheel: str = "", place: str = "") -> str:
    wheel = wheel or f"{name}-{version}-py3-none-any.whl"
    place = place or f'url = "https://files.example.com/{wheel}"'
    hashes = f'hashes = {{ sha256 = "{ZEROS}" }}'
    return (
        f'[[packages]]\nname = "{name}"\nversion = "{version}"\n{more}\n'
        f'wheels = [{{ name = "{wheel}", {place}, {hashes} }}]\n'
    )


def pylock(*packages: str, top: str = "") -> bytes:
    return f'lock-version = "1.0"\ncreated-by = "x"\n{top}\n{"".join(packages)}'.encode()


def read(data: bytes, host: Target = LINUX, **selection: Any) -> Lock:
    found = parse_pylock(data, label="pylock.toml")
    return lock_of(found, host, Selection(**selection), base=BASE, label="pylock.toml")


def pins(lock: Lock) -> list[str]:
    return [str(package.pin) for package in lock.packages]


def test_each_entry_is_taken_where_its_marker_holds() -> None:
    data = pylock(
        package("alpha", "1.0", more="marker = \"sys_platform == 'linux'\""),
        package("alpha", "2.0", more="marker = \"sys_platform == 'darwin'\""),
        package("beta"),
    )
    assert pins(read(data, LINUX)) == ["alpha==1.0", "beta==1.0"]
    assert pins(read(data, MAC)) == ["alpha==2.0", "beta==1.0"]


def test_groups_and_extras_are_selected() -> None:
    data = pylock(
        package("alpha"),
        package("tests", more="marker = \"'Test_Group' in dependency_groups\""),
        package("devel", more="marker = \"'dev' in dependency_groups\""),
        package("fast", more="marker = \"'fast' in extras\""),
        top='extras = ["fast"]\ndependency-groups = ["Test_Group", "dev"]\ndefault-groups = ["dev"]',
    )
    assert pins(read(data)) == ["alpha==1.0", "devel==1.0"]
    assert pins(read(data, default_group=False)) == ["alpha==1.0"]
    assert "tests==1.0" in pins(read(data, groups=frozenset({"test-group"})))
    assert "fast==1.0" in pins(read(data, extras=frozenset({"fast"})))
    assert len(pins(read(data, all_groups=True, all_extras=True))) == 4
    with pytest.raises(UsageError, match="no group `docs`"):
        read(data, groups=frozenset({"docs"}))
    with pytest.raises(UsageError, match="no extra `slow`"):
        read(data, extras=frozenset({"slow"}))


def test_the_best_wheel_is_taken_and_its_place_kept() -> None:
    wheels = ", ".join(
        f'{{ url = "https://f.example.com/a-1.0-{tag}.whl", size = 7, hashes = {{ sha256 = "{ZEROS}" }} }}'
        for tag in ("py3-none-any", "cp311-cp311-manylinux_2_17_x86_64", "cp311-cp311-macosx_11_0_arm64")
    )
    data = pylock(f'[[packages]]\nname = "a"\nversion = "1.0"\nwheels = [{wheels}]\n')
    (file,) = read(data).packages[0].wheels
    assert file.filename == "a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl"
    assert (file.size, file.url) == (7, "https://f.example.com/a-1.0-cp311-cp311-manylinux_2_17_x86_64.whl")
    assert len(every_wheel(parse_pylock(data, label="x"), base=BASE, label="x")) == 3


def test_a_path_counts_from_the_lock() -> None:
    (file,) = (
        read(pylock(package("alpha", place='path = "wheels/alpha-1.0-py3-none-any.whl"'))).packages[0].wheels
    )
    assert file.url == (BASE / "wheels" / "alpha-1.0-py3-none-any.whl").as_uri()
    assert file.size == 0


def test_a_name_in_a_url_is_decoded() -> None:
    place = 'url = "https://f.example.com/alpha-1.0%2Blocal-py3-none-any.whl"'
    data = pylock(package("alpha", "1.0+local", place=place, wheel="alpha-1.0+local-py3-none-any.whl"))
    assert read(data).packages[0].version == "1.0+local"


@pytest.mark.parametrize(
    "place",
    [
        'url = "file:///etc/passwd"',
        'url = "http://169.254.169.254/alpha-1.0-py3-none-any.whl"',
        'url = "http://files.example.com/alpha-1.0-py3-none-any.whl"',
        'url = "https://user:secret@files.example.com/alpha-1.0-py3-none-any.whl"',
        'path = "/etc/alpha-1.0-py3-none-any.whl"',
        "path = 'C:\\alpha-1.0-py3-none-any.whl'",
        "path = '\\\\host\\share\\alpha-1.0-py3-none-any.whl'",
    ],
)
def test_M13_an_unsafe_place_is_refused_whatever_environment_it_is_for(place: str) -> None:
    data = pylock(package("alpha", place=place, more="marker = \"sys_platform == 'win32'\""))
    with pytest.raises(IntegrityError, match="unsafe") as caught:
        parse_pylock(data, label="pylock.toml")
    assert "secret" not in caught.value.message


@pytest.mark.parametrize(
    "hashes",
    ["{}", '{ md5 = "d41d8cd98f00b204e9800998ecf8427e" }', '{ sha256 = "00" }', '{ sha256 = "md5:" }'],
)
def test_M11_a_missing_or_weak_hash_is_refused(hashes: str) -> None:
    data = pylock(package("alpha")).replace(f'{{ sha256 = "{ZEROS}" }}'.encode(), hashes.encode())
    with pytest.raises(IntegrityError):
        parse_pylock(data, label="pylock.toml")


def test_M11_hashes_left_out_are_refused() -> None:
    data = pylock(package("alpha")).replace(f', hashes = {{ sha256 = "{ZEROS}" }}'.encode(), b"")
    with pytest.raises(IntegrityError, match="no hash"):
        parse_pylock(data, label="pylock.toml")


def test_M11_an_uppercase_hash_is_accepted() -> None:
    data = pylock(package("alpha")).replace(ZEROS.encode(), b"AB" * 32)
    assert read(data).packages[0].wheels[0].sha256 == "ab" * 32


def test_M11_two_entries_of_one_name_are_refused() -> None:
    with pytest.raises(IntegrityError, match="inconsistent"):
        read(pylock(package("alpha"), package("alpha", "2.0")))


@pytest.mark.parametrize("name", ["alpha-1.0-py3-none-any/../../x.whl", "../alpha-1.0-py3-none-any.whl"])
def test_a_name_that_leads_elsewhere_is_refused(name: str) -> None:
    with pytest.raises((IntegrityError, UsageError)):
        parse_pylock(pylock(package("alpha", wheel=name, place='path = "x.whl"')), label="pylock.toml")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"lock-version = '1.0'\n", "created-by"),
        (b"lock-version = '1.0'\ncreated-by = 'x'\n", "packages"),
        (pylock().replace(b"1.0", b"2.0") + b"packages = []", "2.0"),
        (b"lock-version = '1.0", "TOML"),
        (pylock(package("Alpha_")), "name"),
    ],
)
def test_a_lock_that_cannot_be_read_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_pylock(data, label="pylock.toml")
    assert said in caught.value.message + caught.value.cause


@pytest.mark.parametrize(
    ("top", "said"),
    [
        ('requires-python = ">=3.12"', "Python >=3.12"),
        ("environments = [\"sys_platform == 'win32'\"]", "not for this environment"),
    ],
)
def test_a_lock_for_others_is_refused(top: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(pylock(package("alpha"), top=top))


@pytest.mark.parametrize(
    "what",
    [
        f'sdist = {{ url = "https://f.example.com/alpha-1.0.tar.gz", hashes = {{ sha256 = "{ZEROS}" }} }}',
        'vcs = { type = "git", url = "https://f.example.com/alpha.git", commit-id = "0" }',
        'directory = { path = "." }',
        f'archive = {{ url = "https://f.example.com/alpha-1.0.zip", hashes = {{ sha256 = "{ZEROS}" }} }}',
    ],
)
def test_a_package_without_a_wheel_is_named(what: str) -> None:
    with pytest.raises(UsageError, match="alpha") as caught:
        read(pylock(f'[[packages]]\nname = "alpha"\nversion = "1.0"\n{what}\n'))
    assert "wheel" in caught.value.hint


def test_an_archive_that_is_a_wheel_is_taken() -> None:
    wheel = "https://f.example.com/alpha-1.0-py3-none-any.whl"
    data = pylock(
        f'[[packages]]\nname = "alpha"\n[packages.archive]\nurl = "{wheel}"\nhashes = {{ sha256 = "{ZEROS}" }}\n'
    )
    assert pins(read(data)) == ["alpha==1.0"]


@pytest.mark.parametrize(
    "url", ["https://[x/alpha-1.0-py3-none-any.whl", "ftp://f.example.com/alpha-1.0.zip"]
)
def test_M13_an_unsafe_place_of_an_archive_is_refused(url: str) -> None:
    archive = f'[packages.archive]\nurl = "{url}"\nhashes = {{ sha256 = "{ZEROS}" }}\n'
    with pytest.raises(IntegrityError, match="unsafe URL"):
        parse_pylock(pylock(f'[[packages]]\nname = "alpha"\n{archive}'), label="pylock.toml")


def test_B03_a_wheel_with_too_many_tags_is_refused_whatever_environment_it_is_for() -> None:
    tags = "-".join(".".join("a" * count) for count in (11, 11, 9))
    data = pylock(package("alpha", wheel=f"alpha-1.0-{tags}.whl", place='path = "a.whl"'))
    with pytest.raises(IntegrityError, match="not a valid wheel"):
        parse_pylock(data, label="pylock.toml")


@pytest.mark.parametrize(
    ("top", "marker"),
    [
        ("environments = [\"sys_platform ~= 'linux'\"]", ""),
        ("environments = [\"'x' in extras\"]", ""),
        ("environments = [\"extra == 'x'\"]", ""),
        ("", "sys_platform === 'win32'"),
        ("", "extra == 'x'"),
    ],
)
def test_B03_a_marker_that_is_undefined_is_refused(top: str, marker: str) -> None:
    more = f'marker = "{marker}"' if marker else ""
    with pytest.raises(UsageError, match="not a lock of PEP 751") as caught:
        read(pylock(package("alpha", more=more), top=top))
    assert "cannot be evaluated" in caught.value.cause


def test_no_wheel_that_fits_is_told() -> None:
    with pytest.raises(UsageError, match="does not fit this environment") as caught:
        read(pylock(package("alpha", wheel="alpha-1.0-cp311-cp311-win_amd64.whl")))
    assert "alpha" in caught.value.cause


def our_lock(*, conditions: tuple[str, ...] = (), bundle: bool = False) -> Lock:
    """Alpha differs between Linux and macOS; the group dev has beta."""

    def wheel(name: str, version: str) -> LockedFile:
        file = f"{name}-{version}-py3-none-any.whl"
        return LockedFile(
            sha256=ZEROS,
            size=7,
            url=f"https://b.example.com/{file}?X-Amz-Signature=1",
            wheel=file if bundle else "",
            bundle=LockedBundle(sha256=ZEROS, size=9) if bundle else None,
        )

    def locked(name: str, version: str) -> LockedPackage:
        return LockedPackage(name=name, version=version, source="acme", wheels=(wheel(name, version),))

    def part(host: Target, version: str) -> LockedEnvironment:
        return LockedEnvironment(
            target=host,
            packages=(Pin(name="alpha", version=version),),
            groups={"dev": (Pin(name="beta", version="1.0"),)},
            conditions=conditions,
        )

    return Lock(
        inputs=Inputs(requires_python=">=3.11", requirements=("alpha",), groups={"dev": ("beta",)}),
        environments=(part(LINUX, "1.0"), part(MAC, "2.0")),
        packages=(locked("alpha", "1.0"), locked("alpha", "2.0"), locked("beta", "1.0")),
    )


@pytest.mark.parametrize("host", [LINUX, MAC])
@pytest.mark.parametrize("default_group", [True, False])
def test_what_we_write_is_read_as_what_was_locked(host: Target, default_group: bool) -> None:
    text = dump_pylock(to_pylock(our_lock(), Selection(default_group=default_group)), comment="x")
    found = read(text.encode(), host)
    alpha = "alpha==1.0" if host is LINUX else "alpha==2.0"
    assert pins(found) == ([alpha, "beta==1.0"] if default_group else [alpha])
    assert found.packages[0].wheels[0].url.endswith("?X-Amz-Signature=1")


def test_what_we_write_is_valid_and_stays_for_its_environments() -> None:
    written = to_pylock(our_lock(), Selection())
    written.validate()
    assert written.lock_version == Version("1.0")
    assert len(written.environments or ()) == 2
    with pytest.raises(UsageError, match="not for this environment"):
        read(dump_pylock(written).encode(), target("cp311-win_amd64", sys_platform="win32"))
    with pytest.raises(UsageError, match="not for this environment"):
        read(
            dump_pylock(written).encode(),
            target("cp312-manylinux_2_28_x86_64", python_version="3.12", python_full_version="3.12.1"),
        )


def test_a_condition_on_the_patch_version_is_kept() -> None:
    lock = our_lock(conditions=('python_full_version < "3.11.10"', 'python_full_version < "3.11.5"'))
    text = dump_pylock(to_pylock(lock, Selection())).encode()
    assert pins(read(text, LINUX)) == ["alpha==1.0", "beta==1.0"]
    for other in ("3.11.4", "3.11.11"):
        with pytest.raises(UsageError, match="not for this environment"):
            read(text, target(python_full_version=other))


@pytest.mark.parametrize("value", ["linu\\x", "both ' and \"", "line\nbreak"])
def test_a_value_that_no_marker_can_hold_is_told(value: str) -> None:
    lock = our_lock()
    odd = LockedEnvironment(target=target(sys_platform=value), packages=(), groups={"dev": ()})
    with pytest.raises(UsageError, match="`sys_platform` of an environment of the lock cannot be written"):
        to_pylock(Lock(inputs=lock.inputs, environments=(odd,), packages=()), Selection())


def test_environments_that_no_marker_tells_apart_are_refused() -> None:
    lock = our_lock()
    musl = LockedEnvironment(
        target=target("cp311-musllinux_1_2_x86_64"),
        packages=(Pin(name="alpha", version="2.0"),),
        groups={"dev": ()},
    )
    lock = Lock(inputs=lock.inputs, environments=(lock.environments[0], musl), packages=lock.packages)
    with pytest.raises(UsageError, match="no marker distinguishes"):
        to_pylock(lock, Selection())


def test_a_bundle_cannot_be_written() -> None:
    with pytest.raises(UsageError, match="alpha==1") as caught:
        to_pylock(our_lock(bundle=True), Selection())
    assert "repair" in caught.value.hint


def test_requirements_have_hashes_and_markers_and_no_urls() -> None:
    text = dump_requirements(our_lock(bundle=True), Selection())
    assert text.count(f"--hash=sha256:{ZEROS}") == 3
    assert "alpha==1.0 ; sys_platform == 'linux'" in text
    assert "beta==1.0 \\\n" in text
    assert "http" not in text


def test_an_empty_selection_is_a_lock_of_nothing() -> None:
    lock = our_lock()
    part = LockedEnvironment(target=LINUX, packages=())
    empty = Lock(inputs=Inputs(), environments=(part,))
    text = dump_pylock(to_pylock(empty, Selection()))
    assert pins(read(text.encode())) == []
    assert lock.environments


def test_this_interpreter_reads_its_own() -> None:
    """The variables of a real interpreter evaluate in our markers."""
    here = default_environment()
    host = target(
        f"cp3{sys.version_info.minor}-manylinux_2_28_x86_64", **{key: str(here[key]) for key in LINUX.markers}
    )
    part = LockedEnvironment(target=host, packages=())
    assert read(
        dump_pylock(to_pylock(Lock(inputs=Inputs(), environments=(part,)), Selection())).encode(), host
    )


def test_the_same_lock_gives_the_same_text() -> None:
    assert isinstance(to_pylock(our_lock(), Selection()), Pylock)
    assert dump_pylock(to_pylock(our_lock(), Selection())) == dump_pylock(to_pylock(our_lock(), Selection()))


AUTHORIZED = """\
lock-version = 1
authorized = true
expires-at = 2026-11-22T10:00:00Z

[inputs]
requires-python = ""
requirements = ["alpha"]
groups = {}
extras = {}
sources = {}
repositories = ["acme"]
index = false

[[environments]]
name = "cp311-manylinux_2_28_x86_64"
markers = { MARKERS }
packages = ["alpha==1.0"]
groups = {}
extras = {}

[[packages]]
name = "alpha"
version = "1.0"
source = "acme"
dependencies = []
wheels = [
    { url = "https://b.example.com/alpha-1.0-py3-none-any.whl?X-Amz-Signature=1", size = 7, sha256 = "ZEROS" },
]
""".replace("ZEROS", ZEROS).replace(
    "MARKERS", ", ".join(f'{name} = "{value}"' for name, value in sorted(LINUX.markers.items()))
)


def test_an_authorized_lock_comes_back_as_it_was_written() -> None:
    lock = parse_lock(AUTHORIZED.encode(), label="a.lock")
    assert lock.expires_at is not None
    assert parse_lock(dump_lock(lock).encode(), label="a.lock") == lock
    assert "authorized = true\nexpires-at = 2026-11-22T10:00:00Z\n" in dump_lock(lock)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("authorized = true\nexpires-at = 2026-11-22T10:00:00Z\n", ""),
        ("https://b.example.com", "http://b.example.com"),
        ("https://b.example.com", "https://169.254.169.254"),
        ("https://b.example.com", "file://"),
        ("https://b.example.com", "https://user:secret@b.example.com"),
        ('url = "https://b.example.com/alpha-1.0-py3-none-any.whl?X-Amz-Signature=1"', 'key = "alpha/a.whl"'),
    ],
)
def test_M13_a_repository_package_has_a_url_in_an_authorized_lock_only(old: str, new: str) -> None:
    assert old in AUTHORIZED
    with pytest.raises(IntegrityError) as caught:
        parse_lock(AUTHORIZED.replace(old, new).encode(), label="a.lock")
    assert "Signature" not in caught.value.message + caught.value.cause


def test_K5_an_ordinary_lock_holds_no_signature_for_the_index_either() -> None:
    ordinary = AUTHORIZED.replace("authorized = true\nexpires-at = 2026-11-22T10:00:00Z\n", "")
    data = ordinary.replace('source = "acme"', 'source = "index"').replace("index = false", "index = true")
    with pytest.raises(IntegrityError, match="unsafe URL"):
        parse_lock(data.encode(), label="a.lock")
    parse_lock(data.replace("?X-Amz-Signature=1", "").encode(), label="a.lock")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("authorized = true\n", ""),
        ("authorized = true\n", "authorized = false\n"),
        ("expires-at = 2026-11-22T10:00:00Z\n", ""),
        ("2026-11-22T10:00:00Z", "2026-11-22T10:00:00"),
        ("2026-11-22T10:00:00Z", '"tomorrow"'),
    ],
)
def test_an_authorized_lock_that_says_half_is_refused(old: str, new: str) -> None:
    with pytest.raises(UsageError):
        parse_lock(AUTHORIZED.replace(old, new).encode(), label="a.lock")


def test_no_repr_shows_a_signature() -> None:
    assert "Signature" not in repr(parse_lock(AUTHORIZED.encode(), label="a.lock"))
