"""What users of pip, uv, Poetry, PDM, pipenv, npm and Cargo type, and the command of pipper that does it."""

_UPGRADE = "pipper lock -U && pipper sync, or pipper lock -P NAME && pipper sync"
_REPOSITORY = "pipper repository add NAME -b BUCKET, or [repositories] of the manifest"
_PYTHON = "pipper sync --python EXE makes .venv with another Python"
_RUN = "pipper run CMD"
_INDEX = "write `url` under [index] of the manifest, or set PIPPER_INDEX_URL"
_ACCESS = "-p PROFILE or -c KEY SECRET gives the credentials"
_NO_PROJECT = "pipper sync --no-project"
_BUILD = (
    "[build] `allow` of the manifest, or --build NAME, says what may be built; everything else needs a wheel"
)
_DIRECTORY = "pipper COMMAND --project DIR"
_NEVER_ASKS = "leave it out: pipper never asks"

_COMMANDS = {
    "show": "pipper info NAME",
    "view": "pipper info NAME",
    "freeze": "pipper list; or for other tools: pipper export -f requirements",
    "ls": "pipper list",
    "inspect": "pipper list --json",
    "metadata": "pipper list --json, pipper tree --json",
    "update": _UPGRADE,
    "upgrade": _UPGRADE,
    "up": _UPGRADE,
    "build": "pipper bundle DIR",
    "wheel": "pipper bundle DIR builds a project; pipper lock --build NAME allows a source distribution",
    "upload": "pipper publish PATH",
    "deploy": "pipper publish PATH",
    "push": "pipper publish PATH",
    "release": "pipper publish PATH",
    "unyank": "pipper yank NAME:VERSION --undo",
    "rm": "pipper remove NAME",
    "delete": "pipper remove NAME; from a repository: pipper repository prune NAME:VERSION",
    "new": "mkdir DIR && cd DIR && pipper init",
    "compile": "pipper lock",
    "resolve": "pipper lock",
    "generate-lockfile": "pipper lock",
    "relock": "pipper lock",
    "fetch": "pipper download -d DIR",
    "vendor": "pipper download -d DIR",
    "mirror": "pipper repository copy --from index --to NAME",
    "verify": "pipper sync --check --verify; of a repository: pipper repository check",
    "check": "pipper lock --check; pipper sync --check; pipper repository check",
    "search": "pipper repository packages PATTERN",
    "graph": "pipper tree",
    "deps": "pipper tree",
    "depends": "pipper why NAME",
    "exec": _RUN,
    "x": _RUN,
    "tool": f"{_RUN}; for programs of their own: pipx or uv tool",
    "shell": f"{_RUN}; or in a shell: . .venv/bin/activate",
    "activate": ". .venv/bin/activate",
    "venv": "pipper sync makes .venv",
    "env": _PYTHON,
    "python": _PYTHON,
    "use": _PYTHON,
    "pip": "leave `pip` out: pipper install REQ, pipper list, pipper sync",
    "config": f"{_REPOSITORY}; PIPPER_* variables are options",
    "source": _REPOSITORY,
    "repo": "pipper repository list, everything else with `repository` in full",
    "repositories": "pipper repository list",
    "login": f"{_REPOSITORY}, with -p PROFILE or -c KEY SECRET",
    "logout": "pipper repository remove NAME",
    "auth": "pipper authorize -o FILE for a host without credentials",
    "self": "pipx upgrade pipper, or uv tool upgrade pipper",
    "clean": "pipper cache clean",
    "purge": "pipper cache clean",
    "version": "pipper --version",
    "help": "pipper COMMAND --help",
    "completion": "pipper --help shows how to switch on completion",
    **{
        name: f"pipper repository {name}"
        for name in ("copy", "packages", "policy", "prune", "repair", "serve")
    },
}

_REPOSITORY_COMMANDS = {
    **dict.fromkeys(("ls", "show", "names"), "pipper repository list"),
    **dict.fromkeys(("rm", "delete"), "pipper repository remove NAME"),
    "new": "pipper repository add NAME -b BUCKET",
    "edit": "pipper repository modify NAME",
    "update": "pipper repository modify NAME",
    "search": "pipper repository packages PATTERN",
    "mirror": "pipper repository copy --from index --to NAME",
    "verify": "pipper repository check",
    "yank": "pipper yank NAME:VERSION -r NAME",
    "publish": "pipper publish PATH -r NAME",
    "info": "pipper repository packages; for one package: pipper info NAME",
}
"""What is meant after `pipper repository`."""

_OPTIONS = {
    "--frozen": "leave it out: `pipper sync` never changes the lock",
    "--locked": "leave it out: `pipper sync` fails if the lock is out of date",
    "--requirement": "pipper init --from FILE",
    "--requirements": "pipper init --from FILE",
    "--constraint": "write `constraints` into the manifest",
    "--editable": "pipper add --editable DIR",
    "-e": "pipper add --editable DIR",
    "--index-url": _INDEX,
    "--default-index": _INDEX,
    "--index": f"{_INDEX}; additional indexes go under [indexes]",
    "--extra-index-url": "an additional index goes under [indexes], its names under [sources] of the manifest",
    "--find-links": "pipper publish DIR -b ./packages, then -b ./packages; or pipper sync --offline --from DIR",
    "--trusted-host": "leave it out: https is for all hosts, http for this machine only",
    "--pre": "write `prereleases = true`, or a list of names, into the manifest",
    "--prerelease": "write `prereleases = true`, or a list of names, into the manifest",
    "--allow-prereleases": "write `prereleases = true`, or a list of names, into the manifest",
    "--exclude-newer": "pipper lock --as-of DATE, or `cool-down` in the manifest",
    "--no-deps": "leave it out: pipper installs what the lock lists",
    "--force-reinstall": "pipper sync --reinstall [NAME]",
    "--ignore-installed": "pipper sync --reinstall [NAME]",
    "--require-hashes": "leave it out: every file is checked against the hash in the lock",
    "--no-binary": _BUILD,
    "--only-binary": _BUILD,
    "--no-build-isolation": "leave it out: each build runs in an environment of its own",
    "--no-cache": "PIPPER_CACHE_DIR=$(mktemp -d) pipper …",
    "--no-cache-dir": "PIPPER_CACHE_DIR=$(mktemp -d) pipper …",
    "--refresh": "leave it out: pipper asks whether a page has changed",
    "--with": "pipper sync --group G, pipper sync --extra E",
    "--without": "pipper sync --no-dev",
    "--only": "pipper sync --only-group G",
    "--features": "pipper sync --extra E",
    "--no-root": _NO_PROJECT,
    "--no-install-project": _NO_PROJECT,
    "--inexact": "leave it out: pipper removes what it installed itself, and with --exact everything else",
    "--outdated": "pipper outdated",
    "--format": "--json",
    "--directory": _DIRECTORY,
    "--manifest-path": _DIRECTORY,
    "--yes": _NEVER_ASKS,
    "-y": _NEVER_ASKS,
    "--no-interaction": _NEVER_ASKS,
    "--repository-url": "-b BUCKET, -b s3://… or -b ./DIR",
    "--publish-url": "-b BUCKET, -b s3://… or -b ./DIR",
    "--username": _ACCESS,
    "--password": _ACCESS,
    "--token": _ACCESS,
    "--skip-existing": "leave it out: a file that is published already with the same contents is skipped",
    "--check-url": "leave it out: a file that is published already with the same contents is skipped",
    "--output-file": "-o FILE",
    "--without-hashes": "leave it out: an export has hashes",
}


_EXTRA = "write it under [optional-dependencies] of the manifest, then pipper sync --extra E"
_WITH = "--group G, --extra E"
_APART = "pipper lock --offline, then pipper sync --offline"
_FRESH = "pipper lock --check"

ARGUMENT = "an argument"
"""In the place of an option: an argument that the command does not take."""

_HERE = {
    "lock": {
        "--frozen": _FRESH,
        "--locked": _FRESH,
        "--no-update": "leave it out: `pipper lock` keeps the locked versions that still fit",
        ARGUMENT: "pipper lock -P NAME upgrades one package",
    },
    "sync": {
        "--dev": "leave it out: `pipper sync` installs the group dev, and --no-dev does not",
        "--upgrade": _UPGRADE,
        "-U": _UPGRADE,
    },
    "tree": {"--reverse": "--invert NAME"},
    "add": {"--optional": _EXTRA, "--extra": _EXTRA, "--offline": _APART, "-D": "--dev"},
    "install": {"--optional": _EXTRA, "--extra": _EXTRA, "--offline": _APART, "-D": "--dev", "-U": "-u"},
    "audit": {"--fix": _UPGRADE},
    "run": {
        "-m": "pipper run python -m MODULE",
        "--with": "pipper add NAME --dev, then pipper run CMD; or pipper run --group G CMD",
    },
    "export": {"--with": _WITH},
    "download": {"--with": _WITH},
    "authorize": {"--with": _WITH},
    "repository": _REPOSITORY_COMMANDS,
}
"""What differs from the above in one command."""


def pointer(unknown: str, command: str = "") -> str:
    """Return what to type instead of a command or an option that pipper does not have; empty if nobody knows.

    `command` is the command line before it, such as `pipper repository`.
    """
    here = _HERE.get(command.rpartition(" ")[2], {}).get(unknown)
    return here or _COMMANDS.get(unknown) or _OPTIONS.get(unknown, "")


def is_opposite(unknown: str, other: str) -> bool:
    """Return whether one of two options that are spelled alike turns off what the other turns on."""
    return unknown.startswith("--no-") != other.startswith("--no-")
