"""The option that allows builds of source distributions."""

from collections.abc import Iterable

import click
from packaging.utils import InvalidName, NormalizedName, canonicalize_name

build_option = click.option(
    "--build",
    multiple=True,
    metavar="NAME",
    help="Allow building NAME from source if no wheel fits; recorded in the manifest.",
)


def names_from(texts: Iterable[str]) -> tuple[NormalizedName, ...]:
    """Return the names for the values of `build_option`; raise click.BadParameter for one that is not a name."""
    names = []
    for text in texts:
        try:
            names.append(canonicalize_name(text, validate=True))
        except InvalidName as error:
            raise click.BadParameter(
                f"{text!r} is not the name of a project", param_hint="--build"
            ) from error
    return tuple(names)
