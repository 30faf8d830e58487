"""The `pyproject.toml` of real projects, from their source distributions in the registry that pip is configured with.

`python -m tests.real_manifests [NAME…]` converts each, or appends `[tool.pipper]` to it, then locks it, adds and
removes a requirement, and prints a table. CONTRIBUTING says when.
"""

import argparse
import platform
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from packaging.utils import canonicalize_name

from pipper.build.sdist import unpack_sdist
from pipper.cache.cache import Cache
from pipper.core.archive_limits import Limits
from pipper.core.manifest.model import Manifest
from pipper.core.ports import CandidateFile
from pipper.ops.context.open_index import open_index
from pipper.ops.context.settings import Settings
from pipper.ops.lock.index_files import take_file
from tests.commands import clean_environment, run_pipper

PROJECTS = (
    *("poetry", "poetry-core", "cleo", "tomlkit", "rich", "textual"),  # Poetry
    *("pdm", "fastapi", "typer"),  # PDM
    *("flask", "click", "packaging", "sphinx"),  # Flit
    *("attrs", "httpx", "starlette", "mkdocs", "structlog"),  # Hatch
    *("requests", "pytest", "aiohttp", "cookiecutter"),  # setuptools
    "pydantic-settings",  # uv
    *("orjson", "numpy"),  # maturin, meson-python
)
ADDED = "tinycss2"
"""What none of them requires."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of a manifest."""

    backend: str = ""
    converted: bool = False
    """Whether it became a `pipper.toml`: one without `[project]`, and one with requirements in tables of Poetry."""
    notes: tuple[str, ...] = ()
    """What `init --from` says it did not bring over."""
    packages: int = 0
    problems: tuple[str, ...] = ()


def fetch_tree(name: str, folder: Path) -> Path:
    """Return the tree of the newest source distribution of a project for this Python, below the new folder `folder`."""
    env = clean_environment(folder.parent, registry=True)
    settings = Settings(directory=folder.parent, home=Path(env["HOME"]), environ=env)
    index = open_index(settings, Manifest(), root=folder.parent)
    cache = Cache(Path(env["PIPPER_CACHE_DIR"]))
    fitting = [
        each
        for each in index.releases(canonicalize_name(name))
        if each.sdists and not each.version.is_prerelease and _serves_this_python(each.sdists[0])
    ]
    release = max(fitting, key=lambda each: each.version)
    file = release.sdists[0].locked
    with cache.in_use():
        address, stated = (
            index.address(release.name, file.filename),
            index.page_hash(release.name, file.filename),
        )
        taken = take_file(file, address, stated, index.connection.reader, cache)
        path = cache.file(taken.sha256)
        assert path is not None
        return unpack_sdist(path, folder, filename=file.filename, limits=Limits())[0]


def _serves_this_python(sdist: CandidateFile) -> bool:
    needs = sdist.requires_python
    return needs is None or needs.contains(platform.python_version())


def tried(name: str, folder: Path, *, cache: Path) -> Outcome:
    """Convert, lock and edit the manifest of a project in the new folder `folder`."""
    tree, variables = fetch_tree(name, folder), {"PIPPER_CACHE_DIR": str(cache)}
    standard = tree / "pyproject.toml"
    top = tomllib.loads(standard.read_text(encoding="utf-8")) if standard.is_file() else {}
    copy = shutil.copytree(tree, folder / "converted")
    told = run_pipper("init", "--from", ".", cwd=copy, env=variables, ok=False, registry=True).stderr
    notes = [line.removeprefix("warning: ") for line in told.splitlines() if line.startswith("warning: ")]
    converted = not _takes_table(tree, top, variables)
    manifest = copy / "pipper.toml" if converted else standard
    problems = _problems(manifest, variables) if manifest.is_file() else [f"init: {told.strip()}"]
    lock = manifest.with_name("pipper.lock")
    return Outcome(
        backend=top.get("build-system", {}).get("build-backend", "setup.py"),
        converted=converted,
        notes=tuple(notes),
        packages=len(tomllib.loads(lock.read_text())["packages"]) if lock.is_file() else 0,
        problems=tuple(problems),
    )


def _problems(manifest: Path, variables: Mapping[str, str]) -> list[str]:
    """Lock a project, add and remove a requirement; return what went wrong."""
    found: list[str] = []

    def run(*args: str) -> None:
        done = run_pipper(*args, cwd=manifest.parent, env=variables, ok=False, registry=True)
        if done.code:
            found.append(f"{' '.join(args)}: exit {done.code}: {done.stderr.strip()}")

    run("lock")
    before = manifest.read_bytes()
    run("add", "--no-sync", ADDED)
    if ADDED.encode() not in manifest.read_bytes():
        found.append(f"`add` did not write {ADDED}")
    run("remove", "--no-sync", ADDED)
    if manifest.read_bytes() != before:
        found.append("the file is not as before after `add` and `remove`")
    return found


def _takes_table(tree: Path, top: Mapping[str, object], variables: Mapping[str, str]) -> bool:
    """Append `[tool.pipper]` to a pyproject.toml; return False if requirements stand where pipper reads none."""
    if "project" not in top:
        return False
    with (tree / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n[tool.pipper]\n")
    done = run_pipper("lock", "--check", cwd=tree, env=variables, ok=False, registry=True)
    return "where pipper does not read them" not in done.stderr


def as_row(name: str, outcome: Outcome) -> str:
    """Return a row of a table in Markdown."""
    how = "init --from" if outcome.converted else "[tool.pipper]"
    problems = "; ".join(" ".join(problem.split())[:200] for problem in outcome.problems) or "none"
    return f"| {name} | {outcome.backend} | {how} | {len(outcome.notes)} | {outcome.packages} | {problems} |"


def main() -> int:
    """Try what the command line asks for and print a table; exit 1 if there is a problem."""
    parser = argparse.ArgumentParser(prog="python -m tests.real_manifests", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="a project of the registry (default: all)")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="use and keep this cache")
    chosen = parser.parse_args()
    bad = 0
    _say("| project | backend | how | notes of init --from | locked packages | problems |")
    _say("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="manifests-") as scratch:
        for name in chosen.names or PROJECTS:
            place = Path(scratch) / name
            place.mkdir()
            outcome = tried(name, place / "tree", cache=chosen.cache or Path(scratch) / "cache")
            bad += bool(outcome.problems)
            _say(as_row(name, outcome))
            for text in (*outcome.notes, *outcome.problems):
                sys.stderr.write(f"{name}: {text}\n")
    return int(bad > 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
