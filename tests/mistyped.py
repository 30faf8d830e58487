"""Mistyped URLs with secrets, for every option and argument of every command; and what is searched afterwards."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click

from pipper.cli.app import COMMANDS, app
from pipper.cli.command import CREDENTIALS
from tests.invariants import CANARIES

HEAD, TAIL = "qZ7canaryhead", "qZ8canarytail"
"""The two ends of each secret: whatever splits it, one of them shows."""
_BETWEEN = (
    "",
    "/",
    "?",
    "#",
    "@",
    ":",
    "%",
    "\\",
    "=",
    ",",
    ";",
    "&",
    "'",
    '"',
    "<",
    "[",
    "]",
    " ",
    "//",
    "/@",
    "é",
)
_HOST = "127.0.0.1:1"
_URLS = (
    "https://me:{0}@{1}/x.whl",
    "https://{0}@{1}/simple",
    "https://me:{0}@{1}",
    "HTTPS://me:{0}@{1}/x/y.pipper",
    "http://me:{0}@{1}/pylock.toml",
    "https://me:{0}@h.example/x.whl",
    "https:/me:{0}@{1}/x.whl",
    "https:me:{0}@{1}/x.whl",
    "//me:{0}@{1}/x.whl",
    "s3://AKIAX:{0}@bucket/pipper",
    "s3://AKIAX:{0}@bucket",
    "acme=s3://AKIAX:{0}@bucket",
    "acme = s3://AKIAX:{0}@bucket",
    "file://me:{0}@host/x",
    "file:///me:{0}@host/x",
    "alpha @ https://me:{0}@{1}/alpha-1.0.0-py3-none-any.whl",
    "alpha@https://me:{0}@{1}/alpha-1.0.0-py3-none-any.whl",
    "git+https://me:{0}@{1}/x.git",
    "git+ssh://me:{0}@{1}/x.git@main",
    "alpha:https://me:{0}@{1}/x",
    "https://{1}/x.whl?X-Amz-Credential=x&X-Amz-Signature={0}",
    "https://{1}/x.whl?Signature={0}&AWSAccessKeyId=x",
    "s3://bucket/x?sig={0}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A command line, and variables."""

    args: tuple[str, ...]
    env: dict[str, str]

    def __str__(self) -> str:
        return (
            f"{' '.join(f'{name}={value}' for name, value in self.env.items())} pipper {' '.join(self.args)}"
        )


def values() -> Iterator[str]:
    """Yield every URL with every secret."""
    for url in _URLS:
        for between in _BETWEEN:
            yield url.format(f"{HEAD}{between}{TAIL}", _HOST)


def commands() -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield every command with the words that call it."""
    context = click.Context(app)
    for name in COMMANDS:
        found = app.get_command(context, name)  # type: ignore[attr-defined] # a group
        if isinstance(found, click.Group):
            for inner in found.list_commands(context):
                yield (name, inner), found.commands[inner]
        elif found is not None:
            yield (name,), found


def trials() -> Iterator[Trial]:
    """Yield a trial for each parameter and value; kinds of output and ways to give a value take turns."""
    turn = 0
    for words, command in commands():
        needed = ["alpha" for each in command.params if isinstance(each, click.Argument) and each.required]
        outputs = [name for name in ("-v", "--json") if any(name in each.opts for each in command.params)]
        for each in command.params:
            if isinstance(each, click.Option) and (each.is_flag or each.count):
                continue
            for value in values():
                turn += 1
                output = [outputs[turn % len(outputs)]] if outputs else []
                yield _given(words, each, value, [*needed, *output], turn // 2)


def _given(words: tuple[str, ...], each: click.Parameter, value: str, rest: list[str], turn: int) -> Trial:
    if isinstance(each, click.Argument):
        return Trial(args=(*words, *rest, "--", value), env={})
    long = each.opts[-1]
    if each.opts[0] in CREDENTIALS:
        keys = ((value, "x"), ("x", value), ("x", "y", value), (value,), ("x", "y", "z", value))
        return Trial(args=(*words, *rest, "-c", *keys[turn % len(keys)]), env={})
    variable = str(each.envvar or f"PIPPER_{long.removeprefix('--').replace('-', '_').upper()}")
    ways = (
        Trial(args=(*words, *rest, long, value), env={}),
        Trial(args=(*words, *rest, f"{long}={value}"), env={}),
        Trial(args=(*words, *rest), env={variable: value}),
    )
    return ways[turn % len(ways)]


def sample(count: int, seed: str) -> list[Trial]:
    """Return so many trials, spread over all commands and parameters; the same seed gives the same ones."""
    every = list(trials())
    chance = random.Random(seed)
    step = len(every) / count
    return [every[int((number + chance.random()) * step)] for number in range(count)]


def traces(root: Path, since: float) -> Iterator[str]:
    """Yield each file below a folder that has a part of a secret in its name or, if it is new, in its content."""
    for folder, folders, names in os.walk(root):
        for name in (*folders, *names):
            path = Path(folder, name)
            if HEAD in name or TAIL in name:
                yield f"the name of {path}"
            if path.is_file() and path.stat().st_ctime >= since and path.name != "repositories.json":
                body = path.read_bytes()
                if any(secret.encode() in body for secret in (HEAD, TAIL, *CANARIES.values())):
                    yield f"in {path}"
