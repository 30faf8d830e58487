"""`pipper audit`: known weaknesses of what the index gave, and not a word about anything else."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from packaging.utils import canonicalize_name

from pipper.core.advisories import find_weaknesses, read_advisory
from pipper.core.document import read_json
from pipper.core.lock.model import Pin
from tests.index_double import IndexDouble, built_into_pip
from tests.invariants import Workspace
from tests.osv_double import OsvDouble, advisory, write_advisories

WEAK = (
    advisory(
        "GHSA-aaaa",
        "Weak_Lib",
        {"introduced": "0"},
        {"fixed": "1.5"},
        summary="it is weak",
        aliases=["CVE-2026-1"],
    ),
    advisory("PYSEC-2026-1", "weak-lib", {"introduced": "0"}, {"fixed": "1.6"}, aliases=["CVE-2026-1"]),
    advisory("GHSA-bbbb", "held-back", versions=("1.0", "1.1")),
    advisory("GHSA-cccc", "weak-lib", {"introduced": "3.0"}),
    advisory("GHSA-dddd", "weak-lib", {"introduced": "0"}, ecosystem="npm"),
    advisory("GHSA-eeee", "weak-lib", {"introduced": "0"}, withdrawn="2026-01-02T00:00:00Z"),
    advisory("GHSA-canary", "acme-secret", {"introduced": "0"}),
)


@pytest.fixture
def shop(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workspace]:
    """Two private packages and three of the public index in a lock; the index has newer versions by now."""
    with IndexDouble() as index:
        built_into_pip(index, monkeypatch)
        wheel = empty.wheel
        for name in ("weak-lib", "fine", "held-back"):
            index.add(wheel(name, "1.0"))
        empty.publish(
            wheel("acme-secret", "1.0", requires=["weak-lib", "held-back<1.2"]),
            wheel("acme-other", "1.0", requires=["fine"]),
        )
        empty.app.mkdir(exist_ok=True)
        empty.manifest.write_text(
            f"dependencies = ['acme-secret', 'acme-other']\n[repositories]\nacme = '{empty.url}'\n"
            f"[index]\nurl = '{index.url}'\n"
        )
        empty.run("lock")
        for name, version in (("weak-lib", "1.6"), ("held-back", "1.1"), ("held-back", "1.2")):
            index.add(wheel(name, version))
        yield empty


def test_a_service_is_asked_about_packages_of_the_index_and_no_other(shop: Workspace) -> None:
    with OsvDouble(*WEAK) as service:
        done = shop.run("audit", "--osv-url", service.url, code=1)
        assert done.stdout.splitlines() == [
            "GHSA-bbbb held-back 1.0 - no",
            "GHSA-aaaa weak-lib 1.0 1.6 1.6",
        ]
        assert "3 packages looked up: 2 known vulnerabilities; 2 other packages not looked up" in done.stderr
        assert service.names() == {"weak-lib", "fine", "held-back"}
        assert not any(b"acme" in each or b"secret" in each for each in service.sent)


def test_a_folder_of_files_gives_the_same(shop: Workspace) -> None:
    write_advisories(shop.app / "advisories" / "deep", *WEAK)
    before = shop.state()
    done = shop.run("audit", "--advisories", "advisories", "--json", code=1)
    shop.compare(before)
    assert json.loads(done.stdout) == {
        "findings": [
            {
                "id": "GHSA-bbbb",
                "aliases": [],
                "name": "held-back",
                "version": "1.0",
                "summary": "",
                "fixed_in": None,
                "reachable": False,
                "upgrade": None,
            },
            {
                "id": "GHSA-aaaa",
                "aliases": ["CVE-2026-1", "PYSEC-2026-1"],
                "name": "weak-lib",
                "version": "1.0",
                "summary": "it is weak",
                "fixed_in": "1.6",
                "reachable": True,
                "upgrade": "1.6",
            },
        ],
        "ignored": 0,
        "packages": 3,
        "skipped": 2,
    }


@pytest.mark.parametrize("how", ["manifest", "PIPPER_INDEX_URL", "PIP_INDEX_URL"])
def test_names_of_an_index_that_is_configured_are_sent_nowhere(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """It may be private; the same URL as pip's own is the public one, wherever it is written."""
    with IndexDouble() as private, IndexDouble() as public, OsvDouble(*WEAK) as service:
        built_into_pip(public, monkeypatch)
        for index in (private, public):
            index.add(empty.wheel("weak-lib", "1.0"))
        empty.app.mkdir(exist_ok=True)

        def audit(url: str, *more: str, code: int) -> str:
            table = f"[index]\nurl = '{url}'\n" if how == "manifest" else ""
            empty.manifest.write_text(f"dependencies = ['weak-lib']\n{table}")
            given = {} if how == "manifest" else {how: url}
            empty.run("lock", env=given)
            return empty.run("audit", "--no-solve", *more, env=given, code=code).stderr

        told = audit(private.url, "--osv-url", service.url, code=0)
        assert "0 packages looked up: none found; 1 other package not looked up" in told
        assert "warning: the service was not asked about 1 package of an index that may be private" in told
        assert service.sent == []
        folder = write_advisories(empty.app / "advisories", *WEAK)
        assert "1 package looked up: 1 known vulnerability" in audit(
            private.url, "--advisories", str(folder), code=1
        )
        assert "not asked" not in audit(public.url, "--osv-url", service.url, code=1)
        assert service.names() == {"weak-lib"}


def test_names_of_further_indexes_are_sent_nowhere(empty: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    with IndexDouble() as further, IndexDouble() as public, OsvDouble(*WEAK) as service:
        built_into_pip(public, monkeypatch)
        public.add(empty.wheel("weak-lib", "1.0"))
        further.add(empty.wheel("acme-secret", "1.0"))
        empty.app.mkdir(exist_ok=True)
        empty.manifest.write_text(
            f"dependencies = ['weak-lib', 'acme-secret']\n[indexes]\nmore = '{further.url}'\n"
            f"[sources]\nacme-secret = 'more'\n[index]\nurl = '{public.url}'\n"
        )
        empty.run("lock")
        told = empty.run("audit", "--no-solve", "--osv-url", service.url, code=1).stderr
        assert "1 package of an index that may be private" in told
        assert service.names() == {"weak-lib"}
        assert not any(b"acme" in each or b"secret" in each for each in service.sent)
        folder = write_advisories(empty.app / "advisories", *WEAK)
        done = empty.run("audit", "--no-solve", "--advisories", folder, code=1)
        assert "acme-secret" in done.stdout


@pytest.mark.parametrize(
    "about",
    [
        advisory("X-1", "weak-lib", versions=("2.6.0",)),
        advisory("X-1", "weak-lib", {"introduced": "0"}, {"last_affected": "2.6.0"}),
        advisory("X-1", "weak-lib", {"introduced": "2.6"}, {"fixed": "2.6.1"}),
    ],
)
def test_a_local_version_has_the_weaknesses_of_its_public_version(
    empty: Workspace, monkeypatch: pytest.MonkeyPatch, about: dict[str, Any]
) -> None:
    """The builds of an additional index have such versions: 2.6.0+cu124 is 2.6.0 for that CUDA."""
    with IndexDouble() as index, OsvDouble(about) as service:
        built_into_pip(index, monkeypatch)
        index.add(empty.wheel("weak-lib", "2.6.0+cu124"))
        empty.app.mkdir(exist_ok=True)
        empty.manifest.write_text(f"dependencies = ['weak-lib']\n[index]\nurl = '{index.url}'\n")
        empty.run("lock")
        folder = write_advisories(empty.app / "advisories", about)
        for place in (["--advisories", str(folder)], ["--osv-url", service.url]):
            assert "X-1 weak-lib 2.6.0+cu124 " in empty.run("audit", "--no-solve", *place, code=1).stdout
        (asked,) = (each for each in service.sent if each.startswith(b"/v1/querybatch "))
        assert b'"2.6.0"' in asked
        assert b'"2.6.0+cu124"' in asked


def test_what_is_ignored_by_id_or_alias_does_not_count(shop: Workspace) -> None:
    folder = write_advisories(shop.app / "advisories", *WEAK)
    ignoring = ["--ignore", "GHSA-bbbb", "--ignore", "CVE-2026-1", "--ignore", "CVE-2020-9"]
    done = shop.run("audit", "--advisories", folder, *ignoring)
    assert "none found, 2 ignored" in done.stderr
    assert "warning: --ignore CVE-2020-9: no locked package has it" in done.stderr


def test_after_the_upgrade_it_is_gone(shop: Workspace) -> None:
    folder = write_advisories(shop.app / "advisories", *WEAK)
    shop.run("lock", "-P", "weak-lib")
    done = shop.run("audit", "--advisories", folder, code=1)
    assert done.stdout.splitlines() == ["GHSA-bbbb held-back 1.0 - no"]


def test_without_a_solve_nothing_but_the_advisories_is_read(shop: Workspace) -> None:
    folder = write_advisories(shop.app / "advisories", *WEAK)
    shop.manifest.write_text(shop.manifest.read_text().replace("127.0.0.1", "127.0.0.2"))
    done = shop.run("audit", "--advisories", folder, "--no-solve", code=1)
    assert "GHSA-aaaa weak-lib 1.0 1.6 -" in done.stdout


@pytest.mark.parametrize(
    ("path", "status", "body", "code"),
    [
        ("/v1/querybatch", 500, b"", 6),
        ("/v1/querybatch", 404, b"{}", 4),
        ("/v1/querybatch", 302, b"", 6),
        ("/v1/querybatch", 200, b'{"results": []}', 4),
        ("/v1/querybatch", 200, b"<html>", 4),
        ("/v1/querybatch", 403, b"", 5),
        ("/v1/querybatch", 200, b'{"results": [{"vulns": [{"id": "../../x"}]}, {}, {}]}', 4),
        ("/v1/vulns/GHSA-aaaa", 404, b"{}", 4),
        ("/v1/vulns/GHSA-aaaa", 200, b"[]", 4),
    ],
)
def test_an_answer_that_is_missing_or_wrong_is_never_taken_for_no_weakness(
    shop: Workspace, path: str, status: int, body: bytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipper.http.client._FIRST_WAIT", 0.001)
    with OsvDouble(*WEAK) as service:
        service.answers[path] = (status, body)
        done = shop.run("audit", "--osv-url", service.url, code=code)
        assert not done.stdout
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ([], "no advisory database is configured"),
        (["--osv-url", "ftp://x"], "is not the URL of a service"),
        (["--advisories", "nowhere"], "is not a directory"),
        (["--advisories", "."], "has no OSV files"),
        (["--advisories", "bad"], "bad.json"),
        (["--advisories", "bad", "--osv-url", "https://osv.example.com"], "give only one"),
    ],
)
def test_a_place_that_cannot_be_used_is_a_usage_error(shop: Workspace, args: list[str], told: str) -> None:
    if "bad" in args:
        (shop.app / "bad").mkdir()
        (shop.app / "bad" / "bad.json").write_text('{"id": 3}')
    done = shop.run("audit", *args, code=2)
    assert told in done.stderr


def test_a_stale_lock_is_refused(shop: Workspace) -> None:
    folder = write_advisories(shop.app / "advisories", *WEAK)
    shop.manifest.write_text(shop.manifest.read_text().replace("'acme-other'", "'fine'"))
    done = shop.run("audit", "--advisories", folder, code=2)
    assert "out of date" in done.stderr


@pytest.mark.parametrize(
    ("events", "affected", "free"),
    [
        ([{"introduced": "0"}, {"fixed": "2.0"}], ["0.1", "1.9.9", "2.0rc1"], ["2.0", "3"]),
        ([{"introduced": "1.0"}, {"last_affected": "1.2"}], ["1.0", "1.2"], ["0.9", "1.2.1"]),
        (
            [{"introduced": "1.0"}, {"fixed": "1.1"}, {"introduced": "2.0"}, {"fixed": "2.1"}],
            ["1.0", "2.0.5"],
            ["1.1", "1.5", "2.1"],
        ),
        (
            [{"fixed": "2.1"}, {"introduced": "2.0"}, {"fixed": "1.1"}, {"introduced": "0"}],
            ["1.0", "2.0"],
            ["1.1", "2.1"],
        ),
        ([{"introduced": "2.0"}], ["2.0", "99"], ["1.9"]),
        ([{"introduced": "0"}, {"last_affected": "2.0"}], ["2.0", "2.0+cpu"], ["2.0.1+cpu"]),
        ([{"introduced": "0"}, {"fixed": "2.0+acme.2"}], ["2.0", "2.0+acme.1"], ["2.0+acme.2", "2.1"]),
    ],
)
def test_ranges_are_read_as_osv_says(
    events: list[dict[str, str]], affected: list[str], free: list[str]
) -> None:
    text = json.dumps(advisory("X-1", "foo", *events)).encode()
    read = read_advisory(read_json(text, label="x", limit=10_000))
    pins = [Pin(name=canonicalize_name("foo"), version=version) for version in (*affected, *free)]
    assert [each.pin.version for each in find_weaknesses(pins, [read])] == sorted(affected)
