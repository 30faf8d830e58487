"""Options and rendering of the commands on named repositories."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from pipper.repository.access import NamedRepositories, NamedRepository

F = TypeVar("F", bound=Callable[..., Any])


def change_options(function: F) -> F:
    """Argument and options of `add` and `modify`. Variables that name a repository to read do not count here."""
    for option in reversed(
        (
            click.argument("name", metavar="NAME"),
            click.option("-b", "--bucket", metavar="BUCKET", help="The bucket, or s3://BUCKET/PREFIX."),
            click.option(
                "-p", "--profile", metavar="PROFILE", help="An AWS profile; removes a stored access key."
            ),
            click.option(
                "-c", "--credentials", nargs=3, allow_from_autoenv=False, metavar="KEY SECRET [TOKEN]",
                help="An access key to store. Write -c last, or end it with an option.",
            ),
            click.option(
                "--prefix", "--root-prefix", metavar="PREFIX",
                help="Where in the bucket packages lie (default: pipper).",
            ),
            click.option("-r", "--repository", metavar="NAME", help="Copy from this one first."),
            click.option("--default", "default", is_flag=True, help="Make it the default."),
            click.option("-d", "default_of_old", is_flag=True, hidden=True),
        )
    ):  # fmt: skip
        function = option(function)
    return function


def named_lines(named: NamedRepositories) -> Iterator[str]:
    """A line for each: name, URL, who asks, and whether it is the default; columns of even width."""
    rows = [
        (entry.name, _url(entry), _who(entry), "default" if entry.name == named.default else "")
        for entry in named.entries.values()
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    for row in rows:
        yield "  ".join(
            [*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]]
        ).rstrip()


def named_document(named: NamedRepositories) -> dict[str, object]:
    """`repository list --json`: repositories (name, bucket, prefix, profile, key: whether one is stored), default."""
    return {
        "repositories": [
            {
                "name": entry.name,
                "bucket": entry.bucket or None,
                "prefix": entry.root_prefix,
                "profile": entry.profile or None,
                "key": entry.credentials is not None,
            }
            for entry in named.entries.values()
        ],
        "default": named.default or None,
    }


def _url(entry: NamedRepository) -> str:
    return f"s3://{entry.bucket}/{entry.root_prefix}" if entry.bucket else "-"


def _who(entry: NamedRepository) -> str:
    if entry.profile:
        return f"profile {entry.profile}"
    return "key" if entry.credentials else "-"
