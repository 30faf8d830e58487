"""Named repositories as lines for people and as a document for programs (`--json`; keys are stable)."""

from collections.abc import Iterator

from pipper.repository.named_repositories import NamedRepositories, NamedRepository


def named_lines(named: NamedRepositories) -> Iterator[str]:
    """Yield a line for each: name, URL, credentials, and `default` for the default; columns are aligned."""
    rows = [
        (entry.name, _url(entry), _credentials(entry), "default" if entry.name == named.default else "")
        for entry in named.entries.values()
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(map(str.ljust, row, widths)).rstrip()


def named_document(named: NamedRepositories) -> dict[str, object]:
    """`repository list --json`: repositories (name, bucket, prefix, profile, key: if one is stored), default.

    A repository also has `endpoint-url` and the options of its bucket, by the keys of a manifest, if it has them.
    """
    return {
        "repositories": [
            {
                "name": entry.name,
                "bucket": entry.bucket or None,
                "prefix": entry.root_prefix,
                "profile": entry.profile or None,
                "key": entry.credentials is not None,
                **({"endpoint-url": entry.endpoint_url} if entry.endpoint_url else {}),
                **entry.options.document(),
            }
            for entry in named.entries.values()
        ],
        "default": named.default or None,
    }


def _url(entry: NamedRepository) -> str:
    url = f"s3://{entry.bucket}/{entry.root_prefix}" if entry.bucket else "-"
    return f"{url} at {entry.endpoint_url}" if entry.endpoint_url else url


def _credentials(entry: NamedRepository) -> str:
    if entry.profile:
        return f"profile {entry.profile}"
    if entry.options.anonymous and not entry.credentials:
        return "anonymous"
    return "key" if entry.credentials else "-"
