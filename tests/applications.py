"""Whole applications over a real registry, the one pip is configured with, their source distributions included.

`python -m tests.applications [NAME…]` locks and syncs each, lets pip check the environment, imports the main packages,
and compares the versions with those of `uv pip compile` at the same date. CONTRIBUTING says when.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pipper.core.lock.reader import parse_lock
from pipper.index.config import Surroundings, find_index
from pipper.ops.context.environments import part_for
from pipper.python.interpreter import inspect_interpreter
from tests.commands import clean_environment, run_pipper


@dataclass(frozen=True, kw_only=True)
class Application:
    """What a project of one kind requires."""

    requirements: tuple[str, ...]
    built: tuple[str, ...]
    """The names that the registry has as source only, or whose wheels do not fit everywhere."""
    imports: tuple[str, ...]
    """Its main modules."""


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


APPLICATIONS: Mapping[str, Application] = {
    "django site": Application(
        requirements=_words(
            "django>=5,<6 djangorestframework django-allauth django-filter django-environ django-debug-toolbar "
            "django-crispy-forms celery[redis] gunicorn whitenoise pillow promise unicodecsv num2words"
        ),
        built=_words("promise unicodecsv docopt"),
        imports=_words("django rest_framework allauth celery PIL promise unicodecsv num2words"),
    ),
    "machine learning notebook": Application(
        requirements=_words(
            "scikit-learn pandas matplotlib seaborn xgboost-cpu notebook nltk optuna hydra-core jieba langdetect "
            "rouge-score"
        ),
        built=_words("antlr4-python3-runtime jieba langdetect rouge-score"),
        imports=_words("sklearn pandas matplotlib seaborn hydra jieba langdetect rouge_score"),
    ),
    "orchestrator": Application(
        requirements=_words(
            "apache-airflow>=3 apache-airflow-providers-http apache-airflow-providers-postgres pandas crcmod "
            "docopt wget"
        ),
        built=_words("crcmod docopt wget"),
        imports=_words("airflow pandas crcmod docopt wget"),
    ),
    "jupyter lab": Application(
        requirements=_words(
            "jupyterlab ipywidgets jupytext jupyterlab-git nbconvert nbdime bokeh altair polars wikipedia docopt"
        ),
        built=_words("wikipedia docopt"),
        imports=_words("jupyterlab ipywidgets jupytext nbdime bokeh polars wikipedia docopt"),
    ),
    "crawler": Application(
        requirements=_words(
            "scrapy scrapy-redis itemloaders newspaper3k lxml-html-clean dateparser wget unicodecsv tldextract"
        ),
        built=_words("feedfinder2 jieba3k tinysegmenter unicodecsv wget"),
        imports=_words("scrapy scrapy_redis newspaper dateparser wget unicodecsv"),
    ),
    "flask service": Application(
        requirements=_words(
            "flask flask-sqlalchemy flask-migrate flask-login flask-bootstrap flask-cors celery[redis] "
            "marshmallow psycopg[binary] gunicorn apispec promise rq"
        ),
        built=_words("flask-bootstrap promise visitor"),
        imports=_words("flask flask_sqlalchemy flask_migrate celery marshmallow psycopg promise"),
    ),
    "documentation": Application(
        requirements=_words(
            "sphinx furo sphinx-rtd-theme myst-parser sphinx-autobuild sphinx-copybutton sphinxcontrib-httpdomain "
            "sphinx-click nbsphinx num2words langdetect sphinx-design"
        ),
        built=_words("docopt langdetect"),
        imports=_words("sphinx furo myst_parser sphinx_click nbsphinx num2words langdetect"),
    ),
    "command with plugins": Application(
        requirements=_words(
            "datasette datasette-cluster-map datasette-vega datasette-auth-tokens sqlite-utils llm httpie "
            "cookiecutter docopt wget progressbar pipreqs feedparser"
        ),
        built=_words("docopt progressbar wget"),
        imports=_words("datasette sqlite_utils llm httpie docopt progressbar feedparser"),
    ),
    "data pipeline": Application(
        requirements=_words(
            "pandas pyarrow sqlalchemy duckdb prefect boto3 s3fs great-expectations intervaltree<3.2 unicodecsv "
            "crcmod fastavro"
        ),
        built=_words("crcmod intervaltree unicodecsv"),
        imports=_words("pandas pyarrow sqlalchemy duckdb prefect s3fs intervaltree unicodecsv"),
    ),
    "chat bot": Application(
        requirements=_words(
            "python-telegram-bot slack-bolt discord.py aiogram openai feedparser<6.0.12 wikipedia jieba "
            "langdetect emoji gtts apscheduler"
        ),
        built=_words("jieba langdetect sgmllib3k wikipedia"),
        imports=_words("telegram slack_bolt discord aiogram openai feedparser jieba langdetect"),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of an application."""

    packages: int = 0
    built: tuple[str, ...] = ()
    """The pins that were built on this machine."""
    differences: tuple[str, ...] = ()
    """Each package that uv chooses in another version, or that only one of the two chooses."""
    problems: tuple[str, ...] = ()
    """Why it does not work; empty if it does."""
    seconds: Mapping[str, float] = field(default_factory=dict)


def tried(application: Application, folder: Path, *, as_of: str, cache: Path) -> Outcome:
    """Lock and sync an application in the empty folder `folder`, and look at what came out."""
    (folder / "pipper.toml").write_text(
        f"dependencies = {list(application.requirements)}\nas-of = {as_of!r}\n"
        f"[build]\nallow = {list(application.built)}\n"
    )
    caches = {"PIPPER_CACHE_DIR": str(cache / "pipper"), "UV_CACHE_DIR": str(cache / "uv")}
    seconds: dict[str, float] = {}

    with _timed("uv pip compile", seconds):
        compiled = _by_uv(application, folder, as_of, caches)
    with _timed("lock", seconds):
        done = run_pipper("lock", cwd=folder, env=caches, ok=False, registry=True)
    if done.code:
        return Outcome(problems=(f"lock: exit {done.code}: {done.stderr}",), seconds=seconds)
    pins, built = locked(folder)
    with _timed("sync", seconds):
        done = run_pipper("sync", cwd=folder, env=caches, ok=False, registry=True)
    problems = [f"sync: exit {done.code}: {done.stderr}"] if done.code else list(_faults(application, folder))
    again = run_pipper("sync", "--offline", cwd=folder, env=caches, ok=False)
    if not problems and "Nothing to do" not in again.stderr:
        problems.append(f"a second sync: exit {again.code}: {again.stderr}")
    differences = tuple(_differences(pins, compiled)) if isinstance(compiled, Mapping) else (compiled,)
    return Outcome(
        packages=len(pins), built=built, differences=differences, problems=tuple(problems), seconds=seconds
    )


@contextmanager
def _timed(what: str, seconds: dict[str, float]) -> Iterator[None]:
    before = time.monotonic()
    yield
    seconds[what] = time.monotonic() - before


def locked(folder: Path) -> tuple[Mapping[str, str], tuple[str, ...]]:
    """Return the versions that the environment at hand gets by name, and the pins that are built for it."""
    lock = parse_lock((folder / "pipper.lock").read_bytes(), label="pipper.lock")
    part = part_for(lock, inspect_interpreter(Path(sys.executable), None), label="pipper.lock")
    pins = {pin.name: pin.version for pin in part.packages}
    return dict(pins), tuple(f"{name}=={pins[name]}" for name in sorted(part.builds))


def _by_uv(
    application: Application, folder: Path, as_of: str, caches: Mapping[str, str]
) -> Mapping[str, str] | str:
    """Return the versions that uv chooses by name, or why there are none."""
    uv = shutil.which("uv", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    if uv is None:
        return "uv is not installed"
    env = clean_environment(folder, registry=True)
    surroundings = Surroundings(environ=env, home=Path(env["HOME"]), pythons=(Path(sys.executable),))
    index = find_index("", surroundings)
    certificates = {"SSL_CERT_FILE": str(index.ca_file)} if index.ca_file else {}
    (folder / "wanted.in").write_text("\n".join(application.requirements))
    command = [uv, "--no-config", "pip", "compile", "wanted.in", "--no-header", "--no-annotate", "-q"]
    done = subprocess.run(
        [*command, "--exclude-newer", as_of, "--python", sys.executable],
        cwd=folder,
        env={**env, **certificates, **caches, "UV_DEFAULT_INDEX": index.url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return f"uv: {done.stderr}"
    return dict(line.strip().split("==") for line in done.stdout.splitlines() if "==" in line)


def _differences(pins: Mapping[str, str], compiled: Mapping[str, str]) -> list[str]:
    return [
        f"{name}: {pins.get(name, 'nothing')}, uv {compiled.get(name, 'nothing')}"
        for name in sorted(pins.keys() | compiled.keys())
        if pins.get(name) != compiled.get(name)
    ]


def _faults(application: Application, folder: Path) -> list[str]:
    """Return what pip and Python find wrong with the environment."""
    python = folder / ".venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    commands = [[sys.executable, "-m", "pip", "--python", python, "check"]]
    commands += [[python, "-c", f"import {name}"] for name in application.imports]
    env = clean_environment(folder)
    found = []
    for command in commands:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
        if done.returncode:
            found.append(f"{' '.join(map(str, command[-2:]))}: {done.stdout}{done.stderr}".strip())
    return found


def as_row(name: str, outcome: Outcome) -> str:
    """Return a row of a table in Markdown."""
    seconds = outcome.seconds
    times = " | ".join(
        f"{seconds[what]:.1f}" if what in seconds else "" for what in ("lock", "uv pip compile", "sync")
    )
    different = "; ".join(outcome.differences) or "none"
    works = "yes" if not outcome.problems else "no"
    return f"| {name} | {outcome.packages} | {', '.join(outcome.built)} | {different} | {times} | {works} |"


def main() -> int:
    """Try what the command line asks for and print a table; exit 1 if one of them does not work."""
    parser = argparse.ArgumentParser(prog="python -m tests.applications", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"of {', '.join(APPLICATIONS)} (default: all)"
    )
    parser.add_argument("--as-of", default=datetime.now(UTC).isoformat(timespec="seconds"), metavar="TIME")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="work in the new folder DIR, and keep it")
    chosen = parser.parse_args()
    bad = 0
    _say("| application | packages | built | other than uv | lock | uv pip compile | sync | works |")
    _say("| --- | --- | --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="applications-") as scratch:
        place = chosen.keep or Path(scratch)
        for name in chosen.names or APPLICATIONS:
            folder = place / name.replace(" ", "-")
            folder.mkdir(parents=True)
            outcome = tried(APPLICATIONS[name], folder, as_of=chosen.as_of, cache=place / "cache")
            bad += bool(outcome.problems)
            _say(as_row(name, outcome))
            for problem in outcome.problems:
                sys.stderr.write(f"{name}: {problem}\n")
    return int(bad > 0)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
