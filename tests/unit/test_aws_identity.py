"""T13: within a step the identity is the one that botocore takes on the same machine."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
import pytest
from botocore.credentials import SSOProvider
from botocore.exceptions import BotoCoreError

from pipper.core.access import Access, Credentials, RepositoryOptions
from pipper.core.manifest.repositories import RepositoryEntry
from pipper.errors import AccessError
from pipper.repository.access import choose_access, open_bucket
from pipper.repository.named_repositories import NamedRepositories, NamedRepository
from pipper.storage.s3.store import S3Store
from tests.aws_worlds import Maker, World, amazon

Identity = tuple[str, str, str | None]
"""A key, its secret and its token; or the name of an error."""

GIVEN = Credentials(access_key_id="given", secret_access_key="s")
OF_FILE: Identity = ("given", "s", None)
ENTRY = RepositoryEntry(alias="acme", url="s3://bucket")
NOBODY = NamedRepositories(path=Path("repositories.json"))
ALIAS = NamedRepositories(
    path=Path("repositories.json"), entries={"acme": NamedRepository(name="acme", credentials=GIVEN)}
)
DEFAULT = NamedRepositories(
    path=Path("repositories.json"),
    entries={"main": NamedRepository(name="main", credentials=GIVEN)},
    default="main",
)


@pytest.fixture(scope="module")
def servers() -> Iterator[str]:
    with amazon() as url:
        yield url


def worlds(
    folder: Path, url: str, monkeypatch: pytest.MonkeyPatch, *, seed: str, count: int
) -> Iterator[World]:
    """Yield made-up machines, each with its variables set."""
    maker = Maker(folder, url, seed)
    for name in [name for name in os.environ if name.startswith(("AWS_", "BOTO", "PIPPER_"))]:
        monkeypatch.delenv(name)
    for number in range(count):
        world = maker.make(is_plain=number % 2 > 0)
        with monkeypatch.context() as context:
            # botocore looks for the home directory when it is imported
            context.setattr(SSOProvider, "_SSO_TOKEN_CACHE_DIR", str(world.home))
            for name, value in world.environ.items():
                context.setenv(name, value)
            yield world


def botocores(profile: str | None = None) -> tuple[Identity, str]:
    """Return whom botocore takes, and by which of its ways."""
    try:
        session = botocore.session.Session(profile=profile)
        session.set_config_variable("region", "eu-west-1")
        session.get_scoped_config()  # every client reads it, and so finds a profile that does not exist
        found = session.get_credentials()
        if found is None:
            return ("nobody", "", None), ""
        keys = found.get_frozen_credentials()
    except (BotoCoreError, OSError) as error:
        return (type(error).__name__, "", None), ""
    return (keys.access_key, keys.secret_key, keys.token), found.method


def pippers(access: Access) -> Identity:
    """Return whom pipper signs for with an access; where it reads without boto3, both ways must agree."""
    store = open_bucket(ENTRY, access)
    assert isinstance(store, S3Store)
    connection = store._connection
    direct = connection.direct()
    try:
        session = connection._boto()
        session._session.get_scoped_config()
        found = session.get_credentials()
        keys = found.get_frozen_credentials() if found else None
    except (BotoCoreError, OSError, AccessError) as error:
        assert direct is None, "signs for somebody where botocore fails"
        return type(error.__cause__ if isinstance(error, AccessError) else error).__name__, "", None
    if keys is None:
        assert direct is None
        return "nobody", "", None
    if direct is not None:
        own = direct._access.credentials  # of the simple cases
        assert (own.access_key_id, own.secret_access_key, own.session_token) == (
            keys.access_key,
            keys.secret_key,
            keys.token,
        )
    return keys.access_key, keys.secret_key, keys.token


@pytest.mark.parametrize("part", range(4))
def test_T13_without_an_option_the_identity_is_botocores(
    part: int, tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for world in worlds(tmp_path, servers, monkeypatch, seed=f"nothing {part}", count=40):
        theirs, method = botocores()
        access = choose_access(RepositoryOptions(), ENTRY, NOBODY, world.environ)
        assert pippers(access) == theirs, f"{access.step}\n{world.told}"
        seen.add(method)
    assert len(seen) > 3


@pytest.mark.parametrize("profile", ["work", "default"])
def test_T13_of_a_profile_given_with_p_the_identity_is_botocores(
    profile: str, tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for world in worlds(tmp_path, servers, monkeypatch, seed=f"-p {profile}", count=30):
        theirs, _ = botocores(profile)
        access = choose_access(RepositoryOptions(profile=profile), ENTRY, ALIAS, world.environ)
        assert pippers(access) == theirs, world.told


def test_T13_a_repository_named_like_the_alias_comes_after_what_variables_say_and_before_all_else(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = set()
    for world in worlds(tmp_path, servers, monkeypatch, seed="alias", count=80):
        theirs, method = botocores()
        ours = pippers(choose_access(RepositoryOptions(), ENTRY, ALIAS, world.environ))
        taken.add(ours == OF_FILE)
        if method:
            assert ours == (theirs if by_variables(method, world) else OF_FILE), world.told
        else:
            assert ours in (theirs, OF_FILE), world.told
    assert taken == {True, False}


def test_T13_the_default_repository_comes_after_the_profile_default_and_before_an_instance(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = set()
    for world in worlds(tmp_path, servers, monkeypatch, seed="default", count=60):
        theirs, method = botocores()
        ours = pippers(choose_access(RepositoryOptions(), ENTRY, DEFAULT, world.environ))
        is_last = theirs[0] in ("instance", "nobody") and not by_variables(method, world)
        assert ours == (OF_FILE if is_last else theirs), world.told
        taken.add(ours == OF_FILE)
    assert taken == {True, False}


def by_variables(method: str, world: World) -> bool:
    """Return whether it is for a variable that botocore takes whom it takes in this way."""
    if any(name in world.environ for name in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")):
        return True
    if method == "assume-role-with-web-identity":
        return bool(world.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"))
    return method in ("env", "container-role")


@pytest.mark.parametrize(
    ("options", "variables"),
    [
        (RepositoryOptions(credentials=GIVEN), {}),
        (RepositoryOptions(repository="acme"), {}),
        (RepositoryOptions(), {"PIPPER_AWS_ACCESS_KEY_ID": "given", "PIPPER_AWS_SECRET_ACCESS_KEY": "s"}),
    ],
)
def test_T13_a_key_that_is_given_is_used_whatever_files_and_variables_say(
    options: RepositoryOptions,
    variables: dict[str, str],
    tmp_path: Path,
    servers: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for world in worlds(tmp_path, servers, monkeypatch, seed=str(variables), count=20):
        ours = pippers(choose_access(options, ENTRY, ALIAS, world.environ | variables))
        # botocore reads its files for the region, and fails at those that are not valid, whoever asks
        assert ours == OF_FILE or ours[0] in ("ConfigParseError", "ProfileNotFound"), world.told


def test_T13_address_and_region_are_botocores_where_its_client_is_not_used(
    tmp_path: Path, servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for world in worlds(tmp_path, servers, monkeypatch, seed="address", count=120):
        store = open_bucket(ENTRY, choose_access(RepositoryOptions(), ENTRY, NOBODY, world.environ))
        assert isinstance(store, S3Store)
        if (direct := store._connection.direct()) is None:
            continue
        theirs, ours = store._connection.client().meta, urlsplit(direct._access.root)
        assert direct.region == theirs.region_name, world.told
        at = urlsplit(theirs.endpoint_url)
        assert (ours.scheme, ours.netloc.removeprefix("bucket.")) == (at.scheme, at.netloc), world.told
        assert ours.path in ("", f"{at.path}/bucket"), world.told
        seen.add((ours.netloc, direct.region))
    assert len(seen) > 3
