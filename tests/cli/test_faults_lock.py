"""Missing, stale, damaged and hostile locks (M7 to M14): the environment is never touched on their word."""

import re

import pytest

from pipper.core.lock.reader import parse_lock
from pipper.errors import PipperError
from tests.invariants import Workspace
from tests.s3_double import S3Double

HEX = "0123456789abcdef"


def edited(workspace: Workspace, old: str, new: str) -> None:
    """Replace a text in the lock, once."""
    text = workspace.lock.read_text()
    assert old in text
    workspace.lock.write_text(text.replace(old, new, 1))


def refused_by_all(workspace: Workspace, *, code: int, subject: str) -> str:
    """`sync`, its check, its dry run, `lock` and its check all refuse the lock; what `sync` said."""
    told = ""
    for args in (("lock",), ("lock", "--check"), ("sync", "--check"), ("sync", "--dry-run"), ("sync",)):
        told = workspace.refused(*args, code=code, subject=subject).stderr
    return told


def test_M07_without_a_lock_sync_tells_the_command_that_makes_one(workspace: Workspace) -> None:
    workspace.lock.unlink()
    for args in (("sync",), ("sync", "--check"), ("sync", "--dry-run")):
        done = workspace.refused(*args, code=2, subject=f"there is no pipper.lock in {workspace.app}")
        assert done.stderr.endswith("hint: run `pipper lock`\n")


def test_M08_a_stale_lock_is_not_synced_and_its_first_difference_is_told(workspace: Workspace) -> None:
    workspace.write_manifest("alpha", "gamma", more="[dependency-groups]\ndev = ['delta']\n")
    for args in (("sync",), ("sync", "--check"), ("sync", "--dry-run")):
        done = workspace.refused(*args, code=2, subject="pipper.lock is out of date")
        assert "the manifest asks for `gamma`, the lock does not" in done.stderr
        assert done.stderr.endswith("hint: run `pipper lock`\n")
    before = workspace.state()
    assert "`gamma`" in workspace.run("lock", "--check", code=1).stdout
    workspace.compare(before)


def test_M09_a_lock_cut_off_anywhere_is_damaged_and_never_empty(workspace: Workspace) -> None:
    data = workspace.lock.read_bytes()
    whole = parse_lock(data, label="pipper.lock")
    for end in range(len(data)):
        refusal: PipperError | None = None
        try:
            read = parse_lock(data[:end], label="pipper.lock")
        except PipperError as error:
            refusal = error
        else:
            assert read == whole, end
        if refusal:
            assert refusal.exit_code == 2, (end, refusal.message)
            assert re.search(r"damaged at line \d+|is missing", refusal.message), refusal.message


@pytest.mark.parametrize("end", [0, 1, 60, 400, -2, -40, -300])
def test_M09_a_cut_off_lock_leaves_the_environment_alone(end: int, workspace: Workspace) -> None:
    workspace.lock.write_bytes(workspace.lock.read_bytes()[:end])
    refused_by_all(workspace, code=2, subject="pipper.lock")


def test_M09_the_marks_of_a_merge_conflict_are_told_with_their_line(workspace: Workspace) -> None:
    edited(workspace, "[[packages]]", "<<<<<<< HEAD\n[[packages]]")
    text = refused_by_all(workspace, code=2, subject="pipper.lock is damaged at line")
    assert "merge conflict" in text


def test_M09_zeros_after_a_power_cut_are_damage(workspace: Workspace) -> None:
    workspace.lock.write_bytes(bytes(len(workspace.lock.read_bytes())))
    refused_by_all(workspace, code=2, subject="pipper.lock is damaged at line 1")


def test_M10_a_lock_of_a_newer_pipper_is_refused(workspace: Workspace) -> None:
    edited(workspace, "lock-version = 1", "lock-version = 99")
    text = refused_by_all(workspace, code=2, subject="pipper.lock is of lock-version 99")
    assert "upgrade pipper" in text


@pytest.mark.parametrize(
    ("old", "new", "subject"),
    [
        ("[inputs]", "surprise = 1\n[inputs]", "pipper.lock: surprise: unknown key"),
        ('name = "alpha"', 'name = "alpha"\nsize = 1', "pipper.lock: packages[0].size: unknown key"),
        ("{ key =", "{ shape = 1, key =", "pipper.lock: packages[0].wheels[0].shape: unknown key"),
        ("index = false\n", "", "pipper.lock: inputs: `index` is missing"),
        ("lock-version = 1\n", "", "pipper.lock: `lock-version` is missing"),
        ('name = "cp', 'name = "xx', "pipper.lock: environments[0].name: `xx"),
        ('version = "1.1.0"', 'version = "one"', "pipper.lock: packages[0].version: `one` is not a version"),
        (
            'name = "alpha"',
            'name = "Alpha"',
            "pipper.lock: packages[0].name: `Alpha` is not a normalised name",
        ),
    ],
)
def test_M10_unknown_and_missing_keys_are_refused_with_their_place(
    old: str, new: str, subject: str, workspace: Workspace
) -> None:
    edited(workspace, old, new)
    refused_by_all(workspace, code=2, subject=subject)


def _sha256(workspace: Workspace) -> str:
    found = re.search(r'sha256 = "([0-9a-f]{64})"', workspace.lock.read_text())
    assert found
    return found[1]


@pytest.mark.parametrize("weak", ["", "abc", "md5:" + "0" * 32, "g" * 64])
def test_M11_a_weak_hash_is_refused(weak: str, workspace: Workspace) -> None:
    edited(workspace, _sha256(workspace), weak)
    refused_by_all(workspace, code=4, subject="pipper.lock: packages[0].wheels[0].sha256")


def test_M11_a_missing_hash_is_refused(workspace: Workspace) -> None:
    edited(workspace, f', sha256 = "{_sha256(workspace)}"', "")
    refused_by_all(workspace, code=4, subject="pipper.lock: packages[0].wheels[0]: no sha256")


def test_M11_two_entries_for_one_version_are_refused(workspace: Workspace) -> None:
    entry = "[[packages]]" + workspace.lock.read_text().split("[[packages]]")[1]
    digest = _sha256(workspace)
    edited(workspace, "[[packages]]", entry.replace(digest, digest[::-1]) + "[[packages]]")
    assert "alpha==1.1.0 has two [[packages]] entries" in refused_by_all(
        workspace, code=4, subject="the lock is inconsistent"
    )


def test_M11_upper_case_hex_is_accepted(workspace: Workspace) -> None:
    edited(workspace, _sha256(workspace), _sha256(workspace).upper())
    workspace.run("sync", "--check")


def test_M12_a_wrong_hash_is_told_with_both_and_nothing_is_kept(remote: Workspace) -> None:
    digest = _sha256(remote)
    wrong = digest[:-1] + HEX[HEX.index(digest[-1]) - 1]
    edited(remote, digest, wrong)
    done = remote.refused("sync", code=4, subject="hash mismatch for alpha 1.1.0")
    assert (
        f"expected sha256:{wrong} got sha256:{digest} from s3://{remote.bucket}/pipper/alpha/" in done.stderr
    )


ELSEWHERE = (
    'key = "../../other-prefix/x-1.0-py3-none-any.whl"',
    'key = "/etc/x-1.0-py3-none-any.whl"',
    'key = "file:///etc/x-1.0-py3-none-any.whl"',
    'key = "http://169.254.169.254/x-1.0-py3-none-any.whl"',
    'key = "a/./x-1.0-py3-none-any.whl"',
    'key = "a//x-1.0-py3-none-any.whl"',
    'key = "a\\\\x-1.0-py3-none-any.whl"',
    'key = ""',
    'key = "alpha/passwd"',
    'url = "https://evil.example.com/x-1.0-py3-none-any.whl"',
    'key = "a/x-1.0-py3-none-any.whl", wheel = "../x-1.0-py3-none-any.whl"',
)


def test_M13_a_key_that_leads_elsewhere_is_refused_before_any_request(
    remote: Workspace, double: S3Double
) -> None:
    text = remote.lock.read_text()
    before = remote.state()
    for key in ELSEWHERE:
        remote.lock.write_text(re.sub(r'key = "[^"]*"', lambda _, key=key: key, text, count=1))
        double.forget()
        done = remote.run("sync", code=4)
        assert double.seen == [], key
        remote.check_told(done, "lock")
    remote.compare(before, but="L")


def test_M13_a_file_of_the_index_is_refused_where_there_is_none(remote: Workspace, double: S3Double) -> None:
    text = remote.lock.read_text().replace('source = "acme"', 'source = "index"', 1)
    wheel = "alpha-1.1.0-py3-none-any.whl"
    urls = {
        f"https://evil.example.com/{wheel}": "alpha==1.1.0 is from the index",
        f"ftp://evil.example.com/{wheel}": "unsafe URL",
        f"http://169.254.169.254/{wheel}": "unsafe URL",
    }
    cases = {re.sub(r'key = "[^"]*"', f'url = "{url}"', text, count=1): why for url, why in urls.items()}
    cases[text] = "files of an index must have a `url`"
    before = remote.state()
    for lock, why in cases.items():
        remote.lock.write_text(lock)
        double.forget()
        done = remote.run("sync", code=4)
        assert double.seen == []
        assert why in done.stderr
    remote.compare(before, but="L")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('    "beta==1.0.0",\n', "", "no environment lists beta==1.0.0"),
        ('    "beta==1.0.0",\n', '    "beta==1.0.0",\n    "beta==2.0.0",\n', "lists two versions of beta"),
        ('"beta==1.0.0"', '"beta==3.0.0"', "lists beta==3.0.0, which has no"),
        (
            'dependencies = ["beta"]',
            'dependencies = ["beta", "zeta"]',
            "depends on `zeta`, which has no",
        ),
        ('dependencies = ["beta"]', "dependencies = []", "nothing requires beta==1.0.0"),
    ],
)
def test_M14_an_inconsistent_lock_is_refused(old: str, new: str, why: str, workspace: Workspace) -> None:
    text = workspace.lock.read_text()
    assert old in text
    workspace.lock.write_text(text.replace(old, new))
    told = refused_by_all(workspace, code=4, subject="the lock is inconsistent")
    assert re.search(why, told), told


def test_M14_a_cycle_between_packages_is_no_fault(workspace: Workspace) -> None:
    workspace.publish(workspace.wheel("ring", requires=["gnir"]), workspace.wheel("gnir", requires=["ring"]))
    workspace.write_manifest("ring")
    workspace.run("lock")
    workspace.run("sync")
    assert workspace.installed() == {"ring": "1.0.0", "gnir": "1.0.0"}


def test_M15_a_private_name_is_never_taken_from_a_second_repository(workspace: Workspace) -> None:
    second = (workspace.root / "second").as_uri()
    workspace.run("publish", workspace.wheel("beta", "99.0.0"), "-b", second)
    workspace.write_manifest("alpha", more=f"drop = '{second}'\n")
    workspace.run("lock", "-U")
    assert workspace.locked()["beta"] == "1.0.0"
    text = workspace.lock.read_text()
    assert 'drop = "file:' not in text
    assert text.count('source = "acme"') == 2
