"""`repository policy`: the least IAM policy for a repository, without a request to it."""

import re
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from pipper.core.layout.iam_policy import Purpose, least_policy
from pipper.core.redaction import shown
from pipper.errors import UsageError
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.context.open_repositories import require_repository
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import declared_here, several_repositories
from pipper.repository.access import bucket_location, choose_repositories

_NAME = re.compile(r"[A-Za-z0-9*]([A-Za-z0-9._*-]*[A-Za-z0-9*])?")
"""A name of a project, or a pattern of names."""


def policy(settings: Settings, purpose: Purpose, names: Sequence[str] = ()) -> dict[str, object]:
    """Return the policy document, for the projects with these names (or patterns) alone if there are some.

    Raises UsageError if no repository is named, if it is a directory, for a name that is none, and for a repair of
    some names, which needs the whole repository.
    """
    folders = _folders(names)
    if folders and purpose == "repair":
        raise UsageError(
            "a repair reads and writes the whole repository",
            hint="leave out --name, or print the policy to publish: --for publish",
        )
    declared, _ = declared_here(settings)
    entries = choose_repositories(settings.repositories, declared, list_named(settings))
    if not entries:
        require_repository(())
    if len(entries) > 1:
        raise several_repositories(
            [entry.alias for entry in entries], f"repository policy -b {entries[0].url}"
        )
    entry = entries[0]
    if entry.url.startswith("file:"):
        raise UsageError(
            f"`{shown(entry.url)}` is a directory",
            cause="IAM policies are for S3 buckets",
            hint="set the permissions of the directory and its files",
        )
    location = bucket_location(entry)
    return least_policy(
        purpose,
        bucket=location.bucket,
        prefix=location.prefix,
        region=entry.region,
        kms_key=entry.options.sse_kms_key_id,
        names=folders,
    )


def _folders(names: Sequence[str]) -> list[str]:
    """Return the folders of these projects: normalised (PEP 503), and as given, where 0.x keeps bundles."""
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"`{shown(name)}` is not the name of a project",
                hint="give a name such as `acme-models`, or a pattern such as `acme-*`",
            )
    return list(dict.fromkeys(each for name in names for each in (canonicalize_name(name), name)))
