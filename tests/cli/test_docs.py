"""README and docs can be typed: every command of a page, in order, in an empty folder.

What a page may count on beside that folder: a bucket `acme-packages` on the S3 double and the same packages
below `/srv/packages`, a bucket `old-packages` that pipper 0.11 filled, credentials for both, the wheels in
`$WHEELS`, and an index with nothing but a build backend; pip has no network. The README gets no bucket and no
credentials.
"""

import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.commands import CHECKOUT, clean_environment, run_pipper
from tests.legacy import upload_legacy
from tests.pages import HIDDEN, PAGES, README, Step, blocks, is_as_shown, steps
from tests.reader import Reader, acme_wheels, preloaded
from tests.s3_double import S3Double
from tests.wheelhouse import make_wheel

SERVER = "/srv/packages"
"""The directory repository of the pages."""
BUCKET, OLD_BUCKET = "acme-packages", "old-packages"
BACKEND = CHECKOUT / "tests" / "tiny_backend.py"
PROFILE = "[profile work]\naws_access_key_id = {}\naws_secret_access_key = {}\nregion = us-east-1\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What there is beside a reader's folder."""

    wheels: Path
    packages: Path
    """What is in the place of `/srv/packages`."""
    index: Path
    """An index with a build backend."""
    server: S3Double
    socket: Path
    """Where commands are sent: see `tests.preloaded`."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Everything is published once and copied for each page."""
    root = tmp_path_factory.mktemp("world")
    wheels = acme_wheels(root / "wheels")
    page = root / "index" / "setuptools"
    wheel = make_wheel(
        page, "setuptools", "99", files={"setuptools/build_meta.py": BACKEND.read_text("utf-8")}
    )
    (page / "index.html").write_text(f'<!DOCTYPE html><a href="{wheel.name}">{wheel.name}</a>')
    with S3Double() as server:
        server.endpoint.client.create_bucket(Bucket=BUCKET)
        for url in (f"s3://{BUCKET}", (root / "packages").as_uri()):
            run_pipper("publish", *wheels, "-b", url, cwd=root, env=server.endpoint.environment)
        server.endpoint.client.create_bucket(Bucket=OLD_BUCKET)
        upload_legacy(server.endpoint, OLD_BUCKET)
        with preloaded() as socket:
            yield World(
                wheels=root / "wheels",
                packages=root / "packages",
                index=root / "index",
                server=server,
                socket=socket,
            )


@pytest.mark.skipif(os.name == "nt", reason="the pages are written for a POSIX shell")
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_of_a_page_does_what_the_page_says(page: Path, world: World, tmp_path: Path) -> None:
    todo = [step for step in _steps(page) if step.command]
    with S3Double() as server:
        server.adopt(world.server)
        packages = shutil.copytree(world.packages, tmp_path / "packages")
        reader = Reader(
            tmp_path, {SERVER: packages}, _environment(tmp_path, world, None if page == README else server)
        )
        for step, code, printed in reader.run(todo):
            told = f"{step.place}: $ {step.command}\n{printed}"
            assert code == step.code, f"exit {code} and not {step.code}: {told}"
            shown = "\n".join(step.shown)
            assert not shown or is_as_shown(step.shown, printed), f"{told}\nnot as shown:\n{shown}"


def _steps(page: Path) -> Iterator[Step]:
    for block in blocks(page):
        if block.language in ("console", "sh", HIDDEN) and block.not_run is None:
            yield from steps(block)


def _environment(place: Path, world: World, server: S3Double | None) -> Mapping[str, str]:
    home = place / "home"
    (home / ".aws").mkdir(parents=True)
    env = {**clean_environment(place), "HOME": str(home), "PIPPER_CACHE_DIR": str(place / "cache")}
    env |= {
        "TERM": "dumb",
        "PRELOADED": str(world.socket),
        "PIPPER_INDEX_URL": world.index.as_uri(),
        "WHEELS": str(world.wheels),
    }
    if server:
        endpoint = server.endpoint
        profile = PROFILE.format(endpoint.access_key_id, endpoint.secret_access_key)
        (home / ".aws" / "config").write_text(profile, encoding="utf-8")
        env |= endpoint.environment
    return env
