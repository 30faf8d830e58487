"""Who published: `--by`, else what the variables of a CI job say, and never a secret."""

import pytest

from pipper.errors import UsageError
from pipper.ops.repository.published_by import PROGRAM, doer, notes_of

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://git.example.com",
    "GITHUB_REPOSITORY": "acme/models",
    "GITHUB_RUN_ID": "77",
}


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({}, ""),
        (GITHUB, "https://git.example.com/acme/models/actions/runs/77"),
        ({"CI_JOB_URL": "https://git.example.com/acme/-/jobs/7"}, "https://git.example.com/acme/-/jobs/7"),
        ({"BUILD_URL": "https://me:secret@ci.example.com/job/7"}, "https://****@ci.example.com/job/7"),
        (
            {
                "TF_BUILD": "True",
                "BUILD_BUILDID": "7",
                "SYSTEM_TEAMPROJECT": "a b",
                "SYSTEM_COLLECTIONURI": "https://ci.example.com/",
            },
            "https://ci.example.com/a%20b/_build/results?buildId=7",
        ),
        ({"CODEBUILD_BUILD_ARN": "arn:aws:codebuild:x:build/y:7"}, "arn:aws:codebuild:x:build/y:7"),
        ({"BUILD_URL": "https://ci.example.com/\x1b[31m"}, ""),
    ],
)
def test_a_ci_job_names_itself(environ: dict[str, str], said: str) -> None:
    assert doer("", environ) == said
    assert doer(" Ann ", environ) == "Ann"


def test_the_program_is_always_noted() -> None:
    assert notes_of("", {}).publisher == f"with {PROGRAM}"
    assert notes_of("Ann", {}).publisher == f"by Ann with {PROGRAM}"


@pytest.mark.parametrize("text", ["two\nlines", "\x1b[31mred", "x" * 201])
def test_what_is_not_one_short_line_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--by"):
        doer(text, {})
