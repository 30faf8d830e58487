"""Private packages and an index together: what is asked of whom, what is locked, what a sync makes of it."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.index_double import Fault, IndexDouble, Style
from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double, Silence


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipper.http.client.time.sleep", lambda seconds: None)


@pytest.fixture
def index() -> Iterator[IndexDouble]:
    with IndexDouble() as double:
        yield double


@pytest.fixture
def project(empty: Workspace, index: IndexDouble) -> Workspace:
    """A repository with `private` (needs `public`), an index with `public` in two versions."""
    empty.publish(empty.wheel("private", "1.0.0", requires=["public"]))
    for version in ("1.0", "2.0"):
        index.add(empty.wheel("public", version, requires=["helper"] if version == "2.0" else []))
    index.add(empty.wheel("helper"))
    ask(empty, index, "private")
    return empty


def ask(workspace: Workspace, index: IndexDouble, *dependencies: str, more: str = "", top: str = "") -> None:
    """Write a manifest that uses the index."""
    listed = ", ".join(f"'{dependency}'" for dependency in dependencies)
    workspace.app.mkdir(parents=True, exist_ok=True)
    repository = f"[repositories]\nacme = '{workspace.url}'\n" if _published(workspace) else ""
    workspace.manifest.write_text(
        f"dependencies = [{listed}]\n{top}\n{repository}\n[index]\nurl = '{index.url}'\n{more}"
    )


def _published(workspace: Workspace) -> bool:
    return workspace.server is not None or workspace.repository.exists()


def packages(workspace: Workspace) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in tomllib.loads(workspace.lock.read_text())["packages"]}


def environments(workspace: Workspace) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in tomllib.loads(workspace.lock.read_text())["environments"]}


def test_private_and_public_packages_are_locked_together_and_synced(
    project: Workspace, index: IndexDouble
) -> None:
    project.run("lock")
    found = packages(project)
    assert {name: (each["version"], each["source"]) for name, each in found.items()} == {
        "private": ("1.0.0", "acme"),
        "public": ("2.0", "index"),
        "helper": ("1.0.0", "index"),
    }
    (file,) = found["public"]["wheels"]
    assert file.keys() == {"url", "size", "sha256"}
    assert file["url"] == f"{index.root}/files/public-2.0-py3-none-any.whl"
    project.run("sync")
    assert project.installed() == {"private": "1.0.0", "public": "2.0", "helper": "1.0.0"}
    assert "Nothing to do" in project.run("sync").stderr


def test_M15_a_private_name_is_taken_from_the_repository_and_never_asked_of_the_index(
    project: Workspace, index: IndexDouble
) -> None:
    index.add(project.wheel("private", "99.0"))
    project.run("lock")
    project.run("sync")
    assert packages(project)["private"]["version"] == "1.0.0"
    assert index.names() == {"public", "helper"}


@pytest.mark.parametrize("sources", ['private = "acme"', '"priv*" = "acme"'])
def test_M15_a_name_or_pattern_of_sources_is_not_asked_of_the_index_though_nobody_holds_it(
    empty: Workspace, index: IndexDouble, sources: str
) -> None:
    empty.publish(empty.wheel("other"))
    index.add(empty.wheel("private", "99.0"))
    ask(empty, index, "private", more=f"[sources]\n{sources}\n")
    empty.refused("lock", code=3, subject="private", but="C")
    assert index.seen == []


@pytest.mark.parametrize("status", [403, 500, 503])
def test_M15_where_the_repository_refuses_or_fails_the_index_is_not_asked(
    empty: Workspace, index: IndexDouble, double: S3Double, status: int
) -> None:
    bucket = double.endpoint.fresh_bucket()
    workspace = Workspace(root=empty.root, server=double, bucket=bucket)
    workspace.publish(workspace.wheel("private"))
    index.add(workspace.wheel("private", "99.0"))
    ask(workspace, index, "private")
    code = "AccessDenied" if status == 403 else "InternalError"
    double.script(Rule(operation="*", fault=Answer(status=status, code=code), times=float("inf")))
    done = workspace.run("lock", env={"AWS_MAX_ATTEMPTS": "1"}, code=5 if status == 403 else 6)
    assert "error: " in done.stderr
    assert index.seen == []


@pytest.mark.parametrize("operation", ["*", "ListObjectsV2", "GetObject"])
@pytest.mark.parametrize("more", ["", '[sources]\n"priv*" = "acme"\n'])
def test_M15_where_the_repository_never_answers_the_solve_stops_and_the_index_is_not_asked(
    empty: Workspace,
    index: IndexDouble,
    double: S3Double,
    monkeypatch: pytest.MonkeyPatch,
    operation: str,
    more: str,
) -> None:
    workspace = Workspace(root=empty.root, server=double, bucket=double.endpoint.fresh_bucket())
    workspace.publish(workspace.wheel("private"), workspace.wheel("other"))
    for name in ("private", "unknown"):
        index.add(workspace.wheel(name, "99.0"))
    ask(workspace, index, "private", "unknown", more=more)
    monkeypatch.setattr("pipper.http.pool.READ_SECONDS", 0.1)
    double.script(Rule(operation=operation, fault=Silence(), times=float("inf")))
    done = workspace.run("lock", code=6)
    assert "no response in time" in done.stderr
    assert double.count(operation if operation != "*" else "ListObjectsV2")
    assert index.seen == []
    assert not workspace.lock.exists()


def test_M15_a_name_that_the_old_lock_took_from_a_repository_stays_private(
    project: Workspace, index: IndexDouble
) -> None:
    project.run("lock")
    for path in (project.repository / "private").rglob("*"):
        if path.is_file():
            path.unlink()
    (project.repository / "other").mkdir()
    index.add(project.wheel("private", "99.0"))
    index.seen.clear()
    project.refused("lock", "-U", code=3, subject="private", but="C")
    assert "private" not in index.names()


def test_a_project_of_private_packages_needs_no_index(empty: Workspace) -> None:
    empty.publish(empty.wheel("private"))
    empty.app.mkdir(exist_ok=True)
    empty.manifest.write_text(f"dependencies = ['private']\n[repositories]\nacme = '{empty.url}'\n")
    empty.run("lock")
    empty.run("sync")
    assert empty.installed() == {"private": "1.0.0"}


def test_where_an_index_is_needed_and_none_is_configured_the_line_to_write_is_told(empty: Workspace) -> None:
    empty.app.mkdir(parents=True)
    empty.manifest.write_text("dependencies = ['public']\n")
    done = empty.refused("lock", code=2, subject="no index", but="C")
    assert 'url = "https://index.example.com/simple"' in done.stderr


def test_a_lock_that_is_up_to_date_asks_the_index_nothing(project: Workspace, index: IndexDouble) -> None:
    project.run("lock")
    before = project.lock.read_bytes()
    index.seen.clear()
    project.run("lock")
    assert project.lock.read_bytes() == before
    assert index.seen == []


def test_an_upgrade_with_nothing_new_asks_once_for_each_page_and_for_no_metadata(
    project: Workspace, index: IndexDouble
) -> None:
    project.run("lock")
    before = project.lock.read_bytes()
    index.seen.clear()
    project.run("lock", "-U")
    assert project.lock.read_bytes() == before
    assert sorted((each.path, each.status) for each in index.seen) == [
        ("/simple/helper/", 304),
        ("/simple/public/", 304),
    ]


def test_offline_a_lock_is_made_from_what_is_remembered(project: Workspace, index: IndexDouble) -> None:
    project.refused("lock", "--offline", code=6, subject="not in the cache", but="C")
    project.run("lock")
    before = project.lock.read_bytes()
    project.lock.unlink()
    index.seen.clear()
    project.run("lock", "--offline")
    assert project.lock.read_bytes() == before
    assert index.seen == []


def test_files_without_hash_and_size_are_fetched_and_hashed_before_they_are_locked(empty: Workspace) -> None:
    with IndexDouble(Style(hashes=False, json=False, metadata=False)) as index:
        index.add(empty.wheel("public"))
        ask(empty, index, "public")
        empty.run("lock")
        (file,) = packages(empty)["public"]["wheels"]
        assert len(file["sha256"]) == 64
        assert file["size"] > 0
        empty.run("sync")
    assert empty.installed() == {"public": "1.0.0"}


@pytest.mark.parametrize("style", [Style(hashes=False, metadata=False), Style(hashes=False, json=False)])
def test_H28_a_file_is_compared_with_any_hash_of_the_page_before_it_is_locked(
    empty: Workspace, style: Style
) -> None:
    with IndexDouble(style) as index:
        wheel = empty.wheel("public")
        digest = hashlib.sha512(wheel.read_bytes()).hexdigest()
        index.add(wheel, hashes={"sha512": digest})
        ask(empty, index, "public")
        empty.run("lock")
        empty.lock.unlink()
        empty.wheel("public", files={"public.py": "other = True\n"})
        told = empty.refused(
            "lock", code=4, subject=f"hash mismatch for {wheel.name} from the index", but="C"
        )
    assert f"expected sha512:{digest} got sha512:" in told.stderr


def test_versions_whose_metadata_is_in_too_large_a_wheel_are_passed_over_and_told(empty: Workspace) -> None:
    with IndexDouble(Style(metadata=False, ranges=False)) as index:
        index.add(empty.wheel("public", "1.0"))
        for version in ("2.0", "3.0"):
            index.add(empty.wheel("public", version), size=300 << 20)
            index.script(Fault(path=f"/files/public-{version}*", endless=True, times=float("inf")))
        ask(empty, index, "public")
        told = empty.run("lock").stderr
        assert (
            told.count("skipped public 3.0 and similar versions: the index serves neither metadata files")
            == 1
        )
        assert told.count("skipped public") == 1
        assert index.count("/files/public-3.0*") == index.count("/files/public-2.0*") == 1
    assert empty.locked() == {"public": "1.0"}


def test_the_account_of_the_index_reaches_it_and_nothing_else(empty: Workspace) -> None:
    with IndexDouble(Style(account=("me", "canary-index"))) as index:
        index.add(empty.wheel("public"))
        ask(empty, index, "public", top="")
        env = {"PIP_INDEX_URL": index.url.replace("://", "://me:canary-index@")}
        empty.manifest.write_text("dependencies = ['public']\n")
        done = [empty.run("lock", "-v", env=env), empty.run("sync", "-v", env=env)]
        refused = empty.run("lock", "-U", env={"PIP_INDEX_URL": index.url}, code=5)
    assert "netrc" in refused.stderr
    assert empty.installed() == {"public": "1.0.0"}
    for each in done:
        assert "canary-index" not in each.stdout + each.stderr
    for path in empty.root.rglob("*"):
        assert not path.is_file() or b"canary-index" not in path.read_bytes(), path


@pytest.mark.parametrize(
    ("listed", "said"),
    [(b"", "the wheel requires helper"), (b"Requires-Dist: helper\nRequires-Dist: evil\n", "`evil`")],
    ids=["hides a requirement", "invents one"],
)
def test_H28_metadata_that_differs_from_the_wheel_is_found_by_sync(
    empty: Workspace, index: IndexDouble, listed: bytes, said: str
) -> None:
    for name in ("helper", "evil"):
        index.add(empty.wheel(name))
    lie = b"Metadata-Version: 2.1\nName: public\nVersion: 2.0\n" + listed
    index.add(empty.wheel("public", "2.0", requires=["helper"]), metadata=lie)
    ask(empty, index, "public")
    empty.run("lock")
    done = empty.refused(
        "sync", code=4, subject="metadata for public 2.0 in the index is not that of the wheel"
    )
    assert said in done.stderr


def test_H28_a_file_whose_name_has_no_tags_of_a_wheel_does_no_harm(
    empty: Workspace, index: IndexDouble
) -> None:
    index.add(empty.wheel("public", "1.0"))
    for name in ("public-2.0-2-none-any.whl", "public-3.0-py3-none-.any.whl", "public-4.0-.py3-none-any.whl"):
        strange = empty.wheel("public", name.split("-")[1])
        index.add(strange.rename(strange.with_name(name)))
    ask(empty, index, "public")
    empty.run("lock")
    assert empty.locked() == {"public": "1.0"}


def test_H28_a_version_that_requires_a_url_is_not_taken(empty: Workspace, index: IndexDouble) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.add(empty.wheel("public", "2.0", requires=[f"helper @ {index.root}/files/evil.whl"]))
    ask(empty, index, "public")
    empty.run("lock")
    assert empty.locked() == {"public": "1.0"}
    ask(empty, index, "public>=2")
    done = empty.refused("lock", code=3, subject="public", but="C")
    assert "URL" in done.stderr
    assert index.count("/files/evil.whl") == 0


def test_S7_a_file_with_other_bytes_than_its_page_says_is_refused_by_sync(
    project: Workspace, index: IndexDouble
) -> None:
    project.run("lock")
    index.script(Fault(path="/files/public-2.0-*.whl", body=b"x" * 900, times=float("inf")))
    project.refused("sync", code=4, subject="public 2.0")


def test_S8_a_locked_file_that_is_gone_is_told_as_gone(project: Workspace, index: IndexDouble) -> None:
    project.run("lock")
    index.script(Fault(path="/files/public-2.0-*.whl", status=404, times=float("inf")))
    project.refused("sync", code=4, subject="locked object is missing")


@pytest.mark.parametrize(
    "url",
    ["http://192.0.2.1/public-2.0-py3-none-any.whl", "http://169.254.169.254/public-2.0-py3-none-any.whl"],
)
def test_M13_a_lock_that_names_an_unsafe_address_is_refused_before_anything_is_asked(
    project: Workspace, index: IndexDouble, url: str
) -> None:
    project.run("lock")
    project.lock.write_text(
        project.lock.read_text().replace(f"{index.root}/files/public-2.0-py3-none-any.whl", url)
    )
    index.seen.clear()
    project.refused("sync", code=4, subject="unsafe URL")
    assert index.seen == []


def test_a_version_without_a_fitting_wheel_is_skipped_and_named_where_nothing_is_left(
    empty: Workspace, index: IndexDouble
) -> None:
    index.add(empty.wheel("public", "1.0"))
    index.add(empty.wheel("public", "2.0", tag="cp399-cp399-win32"))
    index.add(empty.wheel("public", "3.0"), filename="public-3.0.tar.gz")
    ask(empty, index, "public")
    empty.run("lock")
    assert empty.locked() == {"public": "1.0"}
    ask(empty, index, "public>=2")
    done = empty.refused("lock", code=3, subject="public", but="C")
    assert "no wheel" in done.stderr


class TestEnvironments:
    def test_a_lock_serves_the_platforms_that_teams_use(self, project: Workspace) -> None:
        project.run("lock")
        platforms = {name.partition("-")[2] for name in environments(project)}
        assert {
            "manylinux_2_28_x86_64",
            "manylinux_2_28_aarch64",
            "macosx_13_0_arm64",
            "win_amd64",
        } <= platforms

    def test_every_wheel_of_a_version_that_serves_a_listed_environment_is_locked(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        tags = ["py3-none-any", "py3-none-win_amd64", "py3-none-macosx_11_0_arm64", "py3-none-win32"]
        for tag in tags:
            index.add(empty.wheel("public", "1.0", tag=tag))
        ask(empty, index, "public")
        empty.run("lock")
        names = [file["url"].rpartition("/")[2] for file in packages(empty)["public"]["wheels"]]
        assert names == [f"public-1.0-{tag}.whl" for tag in sorted(tags[:3])]

    def test_versions_agree_where_they_can_and_part_where_they_must(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        index.add(empty.wheel("public", "1.0"))
        index.add(empty.wheel("public", "2.0", tag="py3-none-win_amd64"))
        index.add(empty.wheel("parting", "1.0", tag="py3-none-win_amd64"))
        index.add(empty.wheel("parting", "2.0", tag="py3-none-manylinux_2_17_x86_64"))
        ask(empty, index, "public", "parting")
        empty.run("lock")
        found = environments(empty)
        windows = next(each for name, each in found.items() if "win" in name)
        linux = next(each for name, each in found.items() if name.endswith("linux_2_28_x86_64"))
        assert windows["packages"] == ["parting==1.0", "public==1.0"]
        assert linux["packages"] == ["parting==2.0", "public==1.0"]

    def test_where_there_is_no_solution_the_lock_has_the_reason(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        index.add(empty.wheel("public", "1.0", tag="py3-none-manylinux_2_17_x86_64"))
        ask(empty, index, "public")
        done = empty.run("lock")
        assert "no solution for" in done.stderr
        found = environments(empty)
        failed = {name for name, each in found.items() if "failure" in each}
        assert failed == {name for name in found if "x86_64" not in name}
        assert all("public" in found[name]["failure"] for name in failed)
        first = empty.lock.read_bytes()
        empty.run("lock")
        assert empty.lock.read_bytes() == first
        empty.run("sync")

    def test_syncing_where_there_is_no_solution_tells_the_reason(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        index.add(empty.wheel("public", "1.0"))
        ask(empty, index, "public")
        empty.run("lock")
        document = empty.lock.read_text()
        begin, *parts = document.split("[[environments]]")
        last, packages_part = parts[-1].split("\n[[packages]]", 1)
        kept = [
            _failing(part) if "linux" in part and "x86_64" in part else part for part in (*parts[:-1], last)
        ]
        empty.lock.write_text("[[environments]]".join([begin, *kept]) + "\n[[packages]]" + packages_part)
        done = empty.refused("sync", code=3, subject="no solution for this environment")
        assert "because of that" in done.stderr

    def test_declared_environments_are_those_of_the_lock_and_must_have_a_solution(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        index.add(empty.wheel("public", "1.0", tag="py3-none-win_amd64"))
        declared = "[[environments]]\npython = '3.12'\nplatform = '{}'\n"
        ask(empty, index, "public", more=declared.format("windows-x86_64"))
        empty.run("lock")
        assert list(environments(empty)) == ["cp312-win_amd64"]
        ask(empty, index, "public", more=declared.format("musllinux_1_2_x86_64"))
        empty.refused("lock", code=3, subject="public", but="C")

    def test_a_declared_environment_that_is_none_is_told_with_its_place(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        ask(empty, index, "public", more="[[environments]]\npython = '3.12'\nplatform = 'amiga'\n")
        done = empty.refused("lock", code=2, subject="environments[0]")
        assert "linux-x86_64" in done.stderr

    def test_what_another_environment_has_locked_stays(self, empty: Workspace, index: IndexDouble) -> None:
        index.add(empty.wheel("public", "1.0"))
        index.add(empty.wheel("public", "2.0", tag="py3-none-manylinux_2_17_x86_64"))
        ask(empty, index, "public")
        empty.run("lock")
        before = environments(empty)
        index.add(empty.wheel("public", "2.0"))
        ask(empty, index, "public>=1")
        empty.run("lock")
        assert {name: each["packages"] for name, each in environments(empty).items()} == {
            name: each["packages"] for name, each in before.items()
        }


def _failing(part: str) -> str:
    head = [line for line in part.splitlines() if line.startswith(("name", "markers"))]
    return "\n" + "\n".join([*head, 'failure = "because of that"']) + "\n\n"


def times(index: IndexDouble, workspace: Workspace, name: str, uploaded: Mapping[str, str]) -> None:
    for version, day in uploaded.items():
        index.add(workspace.wheel(name, version), **{"upload-time": f"{day}T12:00:00Z"})


class TestLimits:
    def test_as_of_takes_what_was_there_then(self, empty: Workspace, index: IndexDouble) -> None:
        times(index, empty, "public", {"1.0": "2026-01-01", "2.0": "2026-03-01"})
        ask(empty, index, "public")
        empty.run("lock", "--as-of", "2026-02-01")
        assert empty.locked() == {"public": "1.0"}
        empty.run("lock", "--check")
        ask(empty, index, "public", top="as-of = 2026-03-01\n")
        assert empty.run("lock", "--check", code=1).stdout.startswith("pipper.lock is out of date: as-of is")
        empty.run("lock", "-U")
        assert empty.locked() == {"public": "2.0"}

    def test_a_cool_down_leaves_out_what_is_too_new(self, empty: Workspace, index: IndexDouble) -> None:
        times(index, empty, "public", {"1.0": "2020-01-01", "2.0": "2999-01-01"})
        ask(empty, index, "public", top="cool-down = '7 days'\n")
        empty.run("lock")
        assert empty.locked() == {"public": "1.0"}
        assert tomllib.loads(empty.lock.read_text())["inputs"]["cool-down"] == "7d"

    @pytest.mark.parametrize(
        "text",
        [
            "as-of = 'soon'",
            "cool-down = 'a while'",
            "constraints = ['x @ https://x']",
            "overrides = ['x', 'X']",
        ],
    )
    def test_what_is_no_limit_is_told_with_its_place(
        self, empty: Workspace, index: IndexDouble, text: str
    ) -> None:
        ask(empty, index, "public", top=text)
        empty.refused("lock", code=2, subject=f"pipper.toml: {text.partition(' ')[0]}")

    @pytest.mark.parametrize("shape", ["constraints = ['helper<2']\n", "[constraints]\nhelper = '<2'\n"])
    def test_constraints_limit_and_require_nothing(
        self, empty: Workspace, index: IndexDouble, shape: str
    ) -> None:
        index.add(empty.wheel("public", requires=["helper"]))
        index.add(empty.wheel("helper", "1.0"))
        index.add(empty.wheel("helper", "2.0"))
        ask(empty, index, "public", **{"more" if shape[0] == "[" else "top": shape})
        empty.run("lock")
        assert empty.locked()["helper"] == "1.0"
        empty.run("lock", "--check")
        ask(empty, index, "public")
        assert "constraint" in empty.run("lock", "--check", code=1).stdout

    def test_overrides_replace_what_packages_say(self, empty: Workspace, index: IndexDouble) -> None:
        index.add(empty.wheel("public", requires=["helper<2"]))
        index.add(empty.wheel("helper", "1.0"))
        index.add(empty.wheel("helper", "2.0"))
        ask(empty, index, "public", top="overrides = ['helper>=2']\n")
        empty.run("lock")
        assert empty.locked()["helper"] == "2.0"
        empty.run("sync")

    def test_lowest_direct_takes_the_oldest_of_what_is_named(
        self, empty: Workspace, index: IndexDouble
    ) -> None:
        for version in ("1.0", "2.0"):
            index.add(empty.wheel("public", version, requires=["helper"]))
            index.add(empty.wheel("helper", version))
        ask(empty, index, "public")
        empty.run("lock", "--resolution", "lowest-direct")
        assert empty.locked() == {"public": "1.0", "helper": "2.0"}


def test_no_two_runs_write_other_bytes_whatever_the_order_of_publishing(
    empty: Workspace, tmp_path: Path
) -> None:
    locks = set()
    for turn in (1, -1):
        with IndexDouble() as index:
            for number in range(6)[::turn]:
                index.add(empty.wheel(f"many{number}", requires=[f"many{(number + 1) % 6}"]))
            ask(empty, index, "many0")
            empty.lock.unlink(missing_ok=True)
            empty.run("lock")
            locks.add(empty.lock.read_text().replace(index.root, "ROOT"))
    assert len(locks) == 1


def of_directory(workspace: Workspace, folder: Path, files: Path, link: str) -> None:
    """Write an index in a directory with `foo`, and a manifest that requires it."""
    wheel = workspace.wheel("foo", "1.0")
    files.mkdir(parents=True)
    (files / wheel.name).write_bytes(wheel.read_bytes())
    (folder / "foo").mkdir(parents=True, exist_ok=True)
    (folder / "foo/index.html").write_text(f'<a href="{link}/{wheel.name}">{wheel.name}</a>')
    workspace.app.mkdir(parents=True, exist_ok=True)
    workspace.manifest.write_text(f'dependencies = ["foo"]\n[index]\nurl = "file://{folder}"\n')


def test_an_index_whose_urls_have_spaces_is_locked_and_synced(empty: Workspace) -> None:
    folder = empty.root / "my índex"
    of_directory(empty, folder, folder / "foo/my files", "my files")
    empty.run("lock")
    assert "my%20%C3%ADndex/foo/my%20files/foo-1.0" in empty.lock.read_text()
    empty.run("lock", "--check")
    empty.run("sync")
    assert empty.installed() == {"foo": "1.0"}


def test_a_file_outside_an_index_in_a_directory_is_refused_before_it_is_locked(empty: Workspace) -> None:
    of_directory(empty, empty.root / "web/simple", empty.root / "web/packages", "../../packages")
    told = empty.refused("lock", code=4, subject="lists a file outside its directory").stderr
    assert "packages/foo-1.0" in told
    assert not empty.lock.exists()
