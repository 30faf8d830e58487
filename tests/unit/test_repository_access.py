"""Which repositories a command reads, and who asks: each step of the order, one by one."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipper.cache.cache import cache_root
from pipper.core.access import Credentials, RepositoryOptions
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.core.reporter import Reporter
from pipper.errors import AccessError, UsageError
from pipper.repository.access import choose_access, choose_repositories, directory_of, open_bucket
from pipper.repository.named_repositories import (
    NamedRepositories,
    named_repositories_path,
    read_named_repositories,
)

ENTRY = RepositoryEntry(alias="acme", url="s3://bucket/pipper")
GIVEN = Credentials(access_key_id="given", secret_access_key="s")


class Listener(Reporter):
    """Keeps warnings."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    def warning(self, text: str) -> None:
        self.warnings.append(text)


def entry(key: str = "", **more: str) -> dict[str, str]:
    keys = {"access_key_id": key, "secret_access_key": "s"} if key else {}
    return {"bucket": "b", **keys, **more}


def named(home: Path, default: str = "", **entries: dict[str, str]) -> NamedRepositories:
    path = named_repositories_path(home)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"repositories": entries, "default": default}))
    path.chmod(0o600)
    return read_named_repositories(path, Reporter())


VARIABLES: Mapping[str, Mapping[str, str]] = {
    "PIPPER_AWS_*": {"PIPPER_AWS_ACCESS_KEY_ID": "ours", "PIPPER_AWS_SECRET_ACCESS_KEY": "s"},
    "AWS_*": {"AWS_ACCESS_KEY_ID": "theirs", "AWS_SECRET_ACCESS_KEY": "s"},
    "AWS_DEFAULT_PROFILE": {"AWS_DEFAULT_PROFILE": "first"},
    "AWS_PROFILE": {"AWS_PROFILE": "second"},
    "web identity": {"AWS_WEB_IDENTITY_TOKEN_FILE": "token"},
}
SAID = {
    "-c": ("given", None, "the credentials given with -c"),
    "-r": ("chosen", None, "the repository `chosen` of repositories.json, given with -r"),
    "-p": (None, "asked", "the profile `asked` given with -p"),
    "PIPPER_AWS_*": ("ours", None, "the variables PIPPER_AWS_*"),
    "AWS_*": (None, None, "the variables AWS_*"),
    "AWS_DEFAULT_PROFILE": (None, None, "the profile `first` of the variable AWS_DEFAULT_PROFILE"),
    "AWS_PROFILE": (None, None, "the profile `second` of the variable AWS_PROFILE"),
    "web identity": (None, None, "the variable AWS_WEB_IDENTITY_TOKEN_FILE"),
    "alias": ("acme", None, "the repository `acme` of repositories.json, named like the alias"),
    "manifest": (None, "project", "the profile `project` of the manifest"),
    "default profile": (None, None, "the profile `default` of the AWS files"),
    "default": ("main", None, "the repository `main` of repositories.json, which is the default"),
}
"""The steps in order: key, profile and words of each. Without a key and a profile, botocore finds what it says."""


@pytest.mark.parametrize("first", list(SAID))
def test_each_step_wins_over_all_that_come_after_it(first: str, tmp_path: Path) -> None:
    steps = list(SAID)
    present = steps[steps.index(first) :]
    environ = {"HOME": str(tmp_path)}
    options = RepositoryOptions(
        credentials=GIVEN if "-c" in present else None,
        repository="chosen" if "-r" in present else "",
        profile="asked" if "-p" in present else "",
    )
    for step in present:
        environ |= VARIABLES.get(step, {})
    entries = {"chosen": entry("chosen"), "main": entry("main")}
    if "alias" in present:
        entries["acme"] = entry("acme")
    if "default profile" in present:
        (tmp_path / ".aws").mkdir()
        (tmp_path / ".aws" / "credentials").write_text("[default]\naws_access_key_id = x\n")
    repositories = named(tmp_path, "main", **entries)
    wanted = RepositoryEntry(
        alias="acme", url="s3://bucket", profile="project" if "manifest" in present else ""
    )
    access = choose_access(options, wanted, repositories, environ)
    key = access.credentials.access_key_id if access.credentials else None
    assert (key, access.profile, access.step) == SAID[first]


def test_where_nothing_is_said_boto3_decides(tmp_path: Path) -> None:
    access = choose_access(RepositoryOptions(), ENTRY, named(tmp_path), {"HOME": str(tmp_path)})
    assert (access.credentials, access.profile, access.step) == (None, None, "what boto3 finds by itself")


def test_an_entry_with_a_profile_gives_that_and_one_without_anything_gives_nothing(tmp_path: Path) -> None:
    repositories = named(tmp_path, acme=entry(profile="team"), bare=entry())
    environ = {"HOME": str(tmp_path)}
    assert choose_access(RepositoryOptions(), ENTRY, repositories, environ).profile == "team"
    access = choose_access(RepositoryOptions(repository="bare"), ENTRY, repositories, environ)
    assert access.profile == "team"


def test_a_session_token_goes_along(tmp_path: Path) -> None:
    environ = {
        "PIPPER_AWS_ACCESS_KEY_ID": "k",
        "PIPPER_AWS_SECRET_ACCESS_KEY": "s",
        "PIPPER_AWS_SESSION_TOKEN": "t",
        "HOME": str(tmp_path),
    }
    access = choose_access(RepositoryOptions(), ENTRY, named(tmp_path), environ)
    assert access.credentials == Credentials(access_key_id="k", secret_access_key="s", session_token="t")


@pytest.mark.parametrize("prefix", ["PIPPER_AWS_", "AWS_"])
@pytest.mark.parametrize(
    ("there", "missing"), [("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"), ("SECRET_ACCESS_KEY", "ACCESS_KEY_ID")]
)
def test_half_a_key_is_never_completed_from_elsewhere(
    prefix: str, there: str, missing: str, tmp_path: Path
) -> None:
    with pytest.raises(AccessError, match=f"{prefix}{there} is set and {prefix}{missing} is not") as caught:
        choose_access(
            RepositoryOptions(), ENTRY, named(tmp_path), {prefix + there: "canary", "HOME": str(tmp_path)}
        )
    assert "canary" not in caught.value.message + caught.value.cause + caught.value.hint


def test_an_unknown_named_repository_is_told_with_those_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no repository `nobody`") as caught:
        choose_access(RepositoryOptions(repository="nobody"), ENTRY, named(tmp_path, main=entry()), {})
    assert caught.value.cause == "known: `main`"


def urls(
    options: RepositoryOptions, declared: tuple[RepositoryEntry, ...], repositories: NamedRepositories
) -> list[str]:
    return [f"{each.alias}={each.url}" for each in choose_repositories(options, declared, repositories)]


def test_which_repositories_b_then_r_then_the_manifest_then_the_default(tmp_path: Path) -> None:
    repositories = named(tmp_path, "main", main=entry(), other={"bucket": "o", "root_prefix": "deep/er"})
    bucket = RepositoryOptions(bucket="given", repository="other")
    assert urls(bucket, (ENTRY,), repositories) == ["default=s3://given"]
    assert urls(RepositoryOptions(repository="other"), (ENTRY,), repositories) == ["other=s3://o/deep/er"]
    assert urls(RepositoryOptions(), (ENTRY,), repositories) == ["acme=s3://bucket/pipper"]
    assert urls(RepositoryOptions(), (), repositories) == ["main=s3://b/pipper"]
    assert urls(RepositoryOptions(), (), NamedRepositories(path=tmp_path)) == []


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("bucket", "s3://bucket"),
        ("s3://bucket/", "s3://bucket/"),
        ("file:///srv/x", "file:///srv/x"),
        ("file:../x", "file:../x"),
    ],
)
def test_b_takes_a_bucket_or_a_url(given: str, url: str, tmp_path: Path) -> None:
    options = RepositoryOptions(bucket=given)
    assert urls(options, (), NamedRepositories(path=tmp_path)) == [f"default={url}"]


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("s3://bucket", "s3://bucket/pipper"),
        ("s3://bucket/", "s3://bucket/"),
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
    ],
)
def test_without_a_prefix_it_is_pipper_and_a_slash_is_the_root(
    url: str, location: str, tmp_path: Path
) -> None:
    access = choose_access(RepositoryOptions(), ENTRY, named(tmp_path), {"HOME": str(tmp_path)})
    assert open_bucket(RepositoryEntry(alias="x", url=url), access).location == location


def test_prefix_and_endpoint_of_the_command_line_win(tmp_path: Path) -> None:
    options = RepositoryOptions(prefix="/other/", endpoint_url="http://127.0.0.1:1")
    (chosen,) = choose_repositories(options, (ENTRY,), NamedRepositories(path=tmp_path))
    assert (chosen.url, chosen.endpoint_url) == ("s3://bucket/other", "http://127.0.0.1:1")


@pytest.mark.parametrize(
    "url", ["s3://", "s3://bucket?x", "s3://bucket#x", "https://x", "ftp://x", "s3://u:canary@b"]
)
def test_what_is_no_url_of_a_repository_is_refused_without_its_password(url: str, tmp_path: Path) -> None:
    access = choose_access(RepositoryOptions(), ENTRY, named(tmp_path), {"HOME": str(tmp_path)})
    with pytest.raises(UsageError) as caught:
        open_bucket(RepositoryEntry(alias="x", url=url), access)
    assert "canary" not in caught.value.message


def test_a_file_url_names_a_directory(tmp_path: Path) -> None:
    assert directory_of("file:///srv/my%20packages", tmp_path) == Path("/srv/my packages").absolute()
    assert directory_of("file://localhost/srv", tmp_path) == Path("/srv").absolute()
    assert directory_of("file:packages", tmp_path) == tmp_path / "packages"
    for url in ("file://elsewhere/srv", "file:", "file:///srv?x", "file:///srv#x"):
        with pytest.raises(UsageError):
            directory_of(url, tmp_path)


def test_without_the_file_there_are_no_named_repositories(tmp_path: Path) -> None:
    assert read_named_repositories(tmp_path / "nothing.json", Reporter()).entries == {}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "not valid JSON at line 1, column 1: Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "expected a table, found an array"),
        ('{"repositories": []}', "repositories: expected a table, found an array"),
        ("{}", "`repositories` is missing"),
        ('{"repositories": {"a": 1}}', "repositories.a: expected a table, found a number"),
        (
            '{"repositories": {"a": {"bucket": 1}}}',
            "repositories.a.bucket: expected a string, found a number",
        ),
        (
            '{"repositories": {"a": {"access_key_id": "canary"}}}',
            "repositories.a: `secret_access_key` is missing",
        ),
        (
            '{"repositories": {"a": {"secret_access_key": "canary"}}}',
            "repositories.a: `access_key_id` is missing",
        ),
        ('{"repositories": {}, "default": "a"}', "default: the file has no repository `a`"),
    ],
)
def test_a_damaged_file_is_never_passed_over(text: str, fault: str, tmp_path: Path) -> None:
    path = tmp_path / "repositories.json"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(AccessError) as caught:
        read_named_repositories(path, Reporter())
    assert caught.value.message == f"{path}: {fault}"


@pytest.mark.skipif(os.name == "nt", reason="modes as POSIX has them")
def test_a_file_that_others_can_read_is_told_with_the_mend(tmp_path: Path) -> None:
    path = named(tmp_path).path
    listener = Listener()
    read_named_repositories(path, listener)
    assert listener.warnings == []
    path.chmod(0o640)
    read_named_repositories(path, listener)
    assert listener.warnings == [f"other users can read {path}; run: chmod 600 {path}"]


def test_the_cache_is_where_the_variable_says(tmp_path: Path) -> None:
    assert cache_root({"PIPPER_CACHE_DIR": str(tmp_path)}) == tmp_path
    assert cache_root({}).name == "pipper"


def test_nothing_shows_a_secret_in_its_repr(tmp_path: Path) -> None:
    repositories = named(tmp_path, main=entry("canary-key", session_token="canary-token"))
    options = RepositoryOptions(credentials=Credentials(access_key_id="canary", secret_access_key="canary"))
    access = choose_access(options, ENTRY, repositories, {})
    assert "canary" not in f"{repositories!r} {options!r} {access!r}"
