"""`repository policy`: the least IAM policy for a repository, without a request to it."""

from pipper.core.layout.iam_policy import Purpose, least_policy
from pipper.core.redaction import shown
from pipper.errors import UsageError
from pipper.ops.context.declared_repositories import list_named
from pipper.ops.context.open_repositories import require_repository
from pipper.ops.context.settings import Settings
from pipper.ops.repository.choose_one import declared_here, several_repositories
from pipper.repository.access import bucket_location, choose_repositories


def policy(settings: Settings, purpose: Purpose) -> dict[str, object]:
    """Return the policy document; raises UsageError if no repository is named, or it is a directory."""
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
    )
