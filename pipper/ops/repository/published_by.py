"""Who publishes: what `--by` says, else the variables that a CI service sets for its jobs."""

from collections.abc import Mapping
from urllib.parse import quote

from pipper import __version__
from pipper.core.layout.provenance import FileNotes
from pipper.core.redaction import redacted
from pipper.errors import UsageError

PROGRAM = f"pipper {__version__}"
_LONGEST = 200
"""Characters, because every entry of a page repeats it."""
_JOB_URLS = (
    "CI_JOB_URL",  # GitLab
    "CIRCLE_BUILD_URL",
    "BUILDKITE_BUILD_URL",
    "TRAVIS_JOB_WEB_URL",
    "DRONE_BUILD_LINK",
    "CI_PIPELINE_URL",  # Woodpecker
    "BUILD_URL",  # Jenkins
)
"""Variables with the URL of a job; each CI service has its own."""


def notes_of(by: str, environ: Mapping[str, str]) -> FileNotes:
    """Return the notes for what this process publishes; raises UsageError if `by` is not one short line."""
    return FileNotes(published_by=doer(by, environ), published_with=PROGRAM)


def doer(by: str, environ: Mapping[str, str]) -> str:
    """Return who runs this command; empty if neither `by` nor a CI job says it. Raises as `notes_of`."""
    text = by.strip()
    if not text.isprintable() or len(text) > _LONGEST:
        raise UsageError(
            "--by is not one short line of text", hint=f"give at most {_LONGEST} printable characters"
        )
    return redacted(text or _job(environ))


def _job(environ: Mapping[str, str]) -> str:
    found = environ.get
    if found("GITHUB_ACTIONS") and found("GITHUB_RUN_ID"):
        text = (
            f"{found('GITHUB_SERVER_URL')}/{found('GITHUB_REPOSITORY')}/actions/runs/{found('GITHUB_RUN_ID')}"
        )
    elif found("TF_BUILD") and found("BUILD_BUILDID"):  # Azure Pipelines
        project = quote(found("SYSTEM_TEAMPROJECT", ""))
        base = found("SYSTEM_COLLECTIONURI", "")
        text = f"{base}{project}/_build/results?buildId={found('BUILD_BUILDID')}"
    elif found("CODEBUILD_BUILD_ARN"):
        text = found("CODEBUILD_BUILD_ARN", "")
    else:
        text = next((environ[name] for name in _JOB_URLS if environ.get(name)), "")
    return text[:_LONGEST] if text.isprintable() else ""
