"""Copy and prune on a real S3 server, also many at once."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipper.ops.repository.copy import CopyOutcome, CopyRequest, copy
from pipper.ops.repository.packages import packages
from pipper.ops.repository.prune import PruneRequest, prune
from pipper.ops.repository.publish import PublishRequest, publish
from tests.commands import CHECKOUT, clean_environment, run_pipper, start
from tests.index_double import IndexDouble
from tests.s3_endpoint import S3Endpoint
from tests.sdists import make_backend, make_sdist
from tests.shelf import Shelf
from tests.wheelhouse import make_wheel

pytestmark = pytest.mark.e2e

CLOSURE = 60


@pytest.fixture
def shelf(ceph: S3Endpoint, tmp_path: Path) -> Shelf:
    """What 0.11.1 wrote, alpha in two versions of which one is yanked."""
    made = Shelf(root=tmp_path, server=ceph, bucket=ceph.fresh_bucket())
    made.fill_legacy()
    made.publish(made.wheel("alpha", "1.0.0"), made.wheel("alpha", "2.0.0"))
    made.yank("alpha:1.0.0", reason="bad")
    return made


@pytest.fixture
def other(shelf: Shelf, tmp_path: Path) -> Shelf:
    """Nothing yet, in another bucket."""
    assert shelf.server
    (tmp_path / "other").mkdir()
    return Shelf(root=tmp_path / "other", server=shelf.server, bucket=shelf.server.fresh_bucket())


def copied(shelf: Shelf, other: Shelf, *names: str) -> CopyOutcome:
    request = CopyRequest(source=shelf.url, target=other.url, names=names, every=True)
    outcome = copy(shelf.settings, request, now=datetime.now(UTC))
    assert outcome.exit_code == 0, [each.error for each in outcome.files if each.error]
    return outcome


def test_a_bucket_of_0_x_is_backed_up_into_another_and_again_is_free(shelf: Shelf, other: Shelf) -> None:
    assert {each.status for each in copied(shelf, other).files} == {"copied"}
    assert other.kinds() == {}
    assert other.versions("acme-base") == {"1.0.0", "1.1.0", "2.0.0rc1"}
    assert [file["yanked"] for file in other.page("alpha")["files"]] == ["bad", False]
    dates = [file["upload-time"] for file in shelf.page("alpha")["files"]]
    assert [file["upload-time"] for file in other.page("alpha")["files"]] == dates
    for key in ("alpha/v1-0-0.pipper", "Acme_Base/v1-0-0.pipper"):
        found, there = other.store.head(key), shelf.store.head(key)
        assert found
        assert there
        assert (found.etag, found.metadata) == (there.etag, there.metadata)
    before = other.contents()
    assert {each.status for each in copied(shelf, other).files} == {"already there"}
    assert other.contents() == before


def test_sixty_packages_are_promoted_and_listed(shelf: Shelf, other: Shelf) -> None:
    names = [f"many-{number}" for number in range(CLOSURE)]
    shelf.publish(*(shelf.wheel(name) for name in names))
    copied(shelf, other, *names)
    listed = packages(other.settings, "many-*")
    assert {each.name for each in listed.packages} == set(names)
    assert other.kinds() == {}


def test_a_closure_of_the_index_with_source_distributions_replaces_the_index(
    shelf: Shelf, other: Shelf, tmp_path: Path
) -> None:
    """Of sixty packages each sixth is a source distribution; all are mirrored, then locked and synced from there."""
    assert shelf.server
    app = tmp_path / "app"
    app.mkdir()
    env = {**clean_environment(app), **shelf.server.environment}
    sdists = [f"public-{number}" for number in range(0, CLOSURE, 6)]
    with IndexDouble() as index:
        index.add(make_backend(tmp_path / "files"))
        for number in range(CLOSURE):
            name = f"public-{number}"
            requires = [f"public-{each}" for each in (2 * number + 1, 2 * number + 2) if each < CLOSURE]
            if name in sdists:
                index.add_sdist(make_sdist(tmp_path / "files", name, "1.0", requires=requires))
            else:
                index.add(make_wheel(tmp_path / "files", name, "1.0", requires=requires))
        words = ["repository", "copy", "public-0", "--deps", "--from", "index", "--to", other.url]
        words += [word for name in sdists for word in ("--build", name)]
        asking = {**env, "PIPPER_INDEX_URL": index.url}
        run_pipper(*words, cwd=app, env=asking)
        before = other.contents()
        again = run_pipper(*words, cwd=app, env=asking)
        assert f"{CLOSURE} already there" in again.stderr
        assert other.contents() == before
    assert other.kinds() == {}
    (app / "pipper.toml").write_text(
        f"dependencies = ['public-0']\nindex = false\n[repositories]\nmirror = '{other.url}'\n"
    )
    run_pipper("lock", cwd=app, env=env)
    run_pipper("sync", cwd=app, env=env)
    listed = json.loads(run_pipper("list", "--json", cwd=app, env=env).stdout)["packages"]
    assert {each["name"] for each in listed} == {f"public-{number}" for number in range(CLOSURE)}


def test_a_pruned_version_is_gone_for_every_client_and_stays_gone(shelf: Shelf) -> None:
    prune(shelf.settings, PruneRequest(releases=("alpha:1.0.0", "acme-base:1.0.0")), now=datetime.now(UTC))
    left = [key for key in shelf.contents() if "1.0.0" in key or "v1-0-0.pipper" in key]
    assert [key for key in left if key.startswith(("alpha", "Acme_Base", "acme-base"))] == []
    assert shelf.kinds() == {}
    other = shelf.wheel("alpha", "1.0.0", folder="other", files={"alpha/__init__.py": "x = 1\n"})
    (result,) = publish(shelf.settings, PublishRequest(paths=(other,), force=True), now=datetime.now(UTC))
    assert result.error
    assert result.error.exit_code == 7


def test_two_copies_a_publish_and_a_prune_at_once_lose_nothing(shelf: Shelf, other: Shelf) -> None:
    other.publish(shelf.wheel("alpha", "0.1.0"))
    new = shelf.wheel("alpha", "6.0.0")
    now = datetime.now(UTC)
    jobs = [
        lambda: copied(shelf, other, "alpha").exit_code,
        lambda: copied(shelf, other, "alpha").exit_code,
        lambda: int(publish(other.settings, PublishRequest(paths=(new,)), now=now)[0].error is not None),
        lambda: prune(other.settings, PruneRequest(releases=("alpha:0.1.0",)), now=now).exit_code,
    ]
    with ThreadPoolExecutor(4) as pool:
        assert [future.result() for future in [pool.submit(job) for job in jobs]] == [0, 0, 0, 0]
    assert other.page("alpha")["versions"] == ["1.0.0", "2.0.0", "6.0.0"]
    assert other.kinds() == {}


@pytest.mark.parametrize("more", [(), ("--redirect",)])
def test_stock_pip_installs_from_a_bucket_through_serve(
    shelf: Shelf, tmp_path: Path, more: tuple[str, ...]
) -> None:
    assert shelf.server
    env = {**clean_environment(tmp_path), **shelf.server.environment, "PYTHONPATH": str(CHECKOUT)}
    command = [sys.executable, "-m", "pipper", "repository", "serve", *more, "-b", shelf.url]
    server = start(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert server.stdout
    url = server.stdout.readline().strip()
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-cache-dir"]
    stock = {
        name: value for name, value in env.items() if not name.startswith(("PIP_", "AWS_", "PYTHONPATH"))
    }
    subprocess.run(
        [*pip, "--index-url", url, "--target", str(tmp_path / "packages"), "alpha"],
        check=True,
        env={**stock, "PIP_CONFIG_FILE": os.devnull},
        cwd=tmp_path,
    )
    assert [path.name for path in (tmp_path / "packages").glob("*.dist-info")] == ["alpha-2.0.0.dist-info"]
    server.send_signal(signal.SIGINT)
    server.communicate(timeout=60)
    assert server.returncode == 0
