"""The two files of AWS with profiles, as botocore finds and reads them; and whom botocore asks without an option."""

import configparser
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

FILES = {"AWS_CONFIG_FILE": ".aws/config", "AWS_SHARED_CREDENTIALS_FILE": ".aws/credentials"}
"""The variable that names each file, and its place below the home directory."""
PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
"""The variables that name a profile, in botocore's order; it distinguishes an empty one from an unset one."""
_WEB_IDENTITY = "AWS_WEB_IDENTITY_TOKEN_FILE"
_CONTAINER = ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI")
_GRANTS = ("aws_access_key_id", "credential_process", "login_session", "sso_account_id", "sso_role_name")
"""Settings each of which makes botocore ask a profile, whatever else is missing in it."""


def shared_file(variable: str, environ: Mapping[str, str], home: Path) -> Path:
    """Return the path of one of the `FILES`."""
    if variable not in environ:
        return home / FILES[variable]
    return Path(os.path.expanduser(os.path.expandvars(environ[variable])))  # noqa: PTH111 - pathlib's raises


def deciding_variables(environ: Mapping[str, str], default: Callable[[], Mapping[str, str]]) -> str:
    """Return the variables that decide whom botocore asks if no key is set, for `-v`; empty if none does.

    `default` returns the profile of that name, which botocore asks before some of them.
    """
    if named := next((name for name in PROFILES if name in environ), ""):
        return f"the profile `{environ[named]}` of the variable {named}"
    if environ.get(_WEB_IDENTITY) and not _assumes_role(default()):
        return f"the variable {_WEB_IDENTITY}"
    container = next((name for name in _CONTAINER if name in environ), "")
    return f"the variable {container}" if container and not grants(default()) else ""


def grants(profile: Mapping[str, str]) -> bool:
    """Return whether botocore finds credentials in a profile, or an error instead of them."""
    return (
        _assumes_role(profile)
        or bool(profile.get("web_identity_token_file"))
        or any(name in profile for name in _GRANTS)
    )


def _assumes_role(profile: Mapping[str, str]) -> bool:
    return "role_arn" in profile and "web_identity_token_file" not in profile


def default_profile(environ: Mapping[str, str], home: Path) -> Mapping[str, str]:
    """Return the profile `default` of both files.

    Of a file that is not valid it is one that grants something: botocore reads both files whatever it is asked for,
    and its error is the answer.
    """
    try:
        config, own = (_sections(shared_file(variable, environ, home)) for variable in FILES)
    except (configparser.Error, UnicodeDecodeError):
        return dict.fromkeys(_GRANTS, "")
    found: Mapping[str, str] = {}
    for section, settings in config.items():
        if section == "default" or (section.startswith("profile") and _names_default(section)):
            found = settings
    return {**found, **own.get("default", {})}


def has_profile(name: str, environ: Mapping[str, str], home: Path) -> bool:
    """Return whether one of the files has this profile; True if one is not valid, which botocore tells."""
    try:
        config, own = (_sections(shared_file(variable, environ, home)) for variable in FILES)
    except (configparser.Error, UnicodeDecodeError):
        return True
    return name in own or any(_names(name, section) for section in config)


def _names_default(section: str) -> bool:
    """Return whether a section of the config file is `[profile default]`, also in quotes."""
    return _names("default", section)


def _names(name: str, section: str) -> bool:
    try:
        return shlex.split(section) == ["profile", name]
    except ValueError:
        return False


def _sections(path: Path) -> dict[str, Mapping[str, str]]:
    parser = configparser.RawConfigParser()
    parser.read(path, encoding="utf-8")  # like botocore, it passes over a file that it may not read
    return {section: dict(parser.items(section)) for section in parser.sections()}
