"""Made-up machines for botocore's question "who am I": two files, a few variables, and servers that answer for AWS.

Each identity tells in its key where it comes from, so that two answers are equal only if they are the same one.
"""

import hashlib
import json
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.loopback import QuietHandler, served

_ENDS = "2099-01-01T00:00:00Z"
_STS = """<{0}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><{0}Result>
<AssumedRoleUser><AssumedRoleId>A:s</AssumedRoleId><Arn>arn:aws:sts::1:assumed-role/x/s</Arn></AssumedRoleUser>
<Credentials><AccessKeyId>{1}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials></{0}Result></{0}Response>"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The files and the variables of one machine."""

    environ: dict[str, str]
    home: Path
    told: str
    """Files and variables, for the message of a test."""


class _Amazon(QuietHandler):
    """STS, SSO, a container's endpoint and an instance's: gives keys that name who asked for what."""

    def do_POST(self) -> None:
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        asked = {name: values[0] for name, values in form.items()}
        signed = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        who = f"{asked['RoleArn']}.by.{signed or asked.get('WebIdentityToken', '').strip()}".replace("/", "-")
        self._answer("text/xml", _STS.format(asked["Action"], who.replace(":", "-")))

    def do_PUT(self) -> None:
        self._answer("text/plain", "imds-session")

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path == "/federation/credentials":
            role = parse_qs(parts.query)["role_name"][0]
            keys: dict[str, object] = {
                "accessKeyId": f"sso-{role}",
                "secretAccessKey": "s",
                "sessionToken": "t",
            }
            self._answer(
                "application/json", json.dumps({"roleCredentials": {**keys, "expiration": 4 * 10**12}})
            )
        elif parts.path == "/container":
            self._answer("application/json", _keys("container"))
        elif parts.path.endswith("/security-credentials/"):
            self._answer("text/plain", "role")
        else:
            self._answer("application/json", json.dumps({"Code": "Success", **json.loads(_keys("instance"))}))

    def _answer(self, kind: str, text: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("X-aws-ec2-metadata-token-ttl-seconds", "60")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())


def _keys(name: str) -> str:
    return json.dumps(
        {"AccessKeyId": name, "SecretAccessKey": "s", "Token": "t", "Expiration": _ENDS, "AccountId": "1"}
    )


@contextmanager
def amazon() -> Iterator[str]:
    """Run the servers; yield their URL."""
    with served(_Amazon) as server:
        yield server.url


class Maker:
    """Makes worlds by chance below a folder; the same seed makes the same ones."""

    def __init__(self, folder: Path, url: str, seed: str) -> None:
        self._folder = folder
        self._url = url
        self._chance = random.Random(seed)
        self._count = 0
        self._settings = _PLAIN

    def make(self, *, is_plain: bool) -> World:
        """Make a machine; a plain one has only keys in its files and variables, and needs no server."""
        self._count += 1
        self._settings = _PLAIN if is_plain else _SETTINGS
        home = self._folder / f"home{self._count}"
        (home / ".aws").mkdir(parents=True)
        start = f"{self._url}/start"
        (home / f"{hashlib.sha1(start.encode(), usedforsecurity=False).hexdigest()}.json").write_text(
            json.dumps({"startUrl": start, "accessToken": "x", "expiresAt": _ENDS})
        )
        (home / "token").write_text("web-token")
        for name in ("default", "work"):
            (home / f"{name}.json").write_text(
                json.dumps({"Version": 1, "AccessKeyId": f"process-{name}", "SecretAccessKey": "s"})
            )
        environ = {"HOME": str(home), **self._keys_of_variables(), **self._profiles()}
        if is_plain:
            environ["AWS_EC2_METADATA_DISABLED"] = "true"
            environ |= self._addresses()
        else:
            environ |= self._tokens(home)
            environ |= dict.fromkeys(_SERVERS, self._url)
            environ |= {"AWS_STS_REGIONAL_ENDPOINTS": "regional", "AWS_DEFAULT_REGION": "eu-west-1"}
        files = self._file(home, "config", "AWS_CONFIG_FILE", environ)
        files += self._file(home, "credentials", "AWS_SHARED_CREDENTIALS_FILE", environ)
        return World(environ=environ, home=home, told=f"{environ}\n{files}")

    def _pick(self, *choices: str, often: str = "", times: int = 1) -> str:
        """Return one of the choices, or `often`, which is so many times as likely as they are together."""
        return self._chance.choice([*choices, *[often] * len(choices) * times])

    def _keys_of_variables(self) -> dict[str, str]:
        kind = self._pick("keys", "token", "old token", "two tokens", "empty", "expiry", times=2)
        keys = {"AWS_ACCESS_KEY_ID": "of-variables", "AWS_SECRET_ACCESS_KEY": "s"}
        return {
            "": {},
            "keys": keys,
            "token": {**keys, "AWS_SESSION_TOKEN": "t"},
            "old token": {**keys, "AWS_SECURITY_TOKEN": "old"},
            "two tokens": {**keys, "AWS_SECURITY_TOKEN": "old", "AWS_SESSION_TOKEN": "t"},
            "empty": {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_SESSION_TOKEN": "t"},
            "expiry": {**keys, "AWS_CREDENTIAL_EXPIRATION": _ENDS, "AWS_SESSION_TOKEN": "t"},
        }[kind]

    def _profiles(self) -> dict[str, str]:
        names = {name: self._pick("work", "work", "default", "-", times=4) for name in _PROFILES}
        if self._pick("absent", times=20):
            names["AWS_PROFILE"] = "absent"
        return {name: value.replace("-", "") for name, value in names.items() if value}

    def _addresses(self) -> dict[str, str]:
        """Return variables that say where S3 is."""
        found = {}
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            if region := self._pick("ap-south-1", "us-east-1", "-"):
                found[name] = region.strip("-")
        for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
            if path := self._pick("/below", "-", times=2):
                found[name] = f"{self._url}{path}" if path != "-" else ""
        return found

    def _tokens(self, home: Path) -> dict[str, str]:
        found = {}
        web = self._pick("both", "no role", "empty", times=2)
        if web:
            found["AWS_WEB_IDENTITY_TOKEN_FILE"] = "" if web == "empty" else str(home / "token")
        if web == "both" or self._pick("stray", "", "") == "stray":
            found["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/variables"
        if self._pick("container", times=2) == "container":
            found["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = f"{self._url}/container"
        return found

    def _file(self, home: Path, kind: str, variable: str, environ: dict[str, str]) -> str:
        """Write one of the two files, where botocore or a variable says; return its text."""
        place = home / ".aws" / kind
        where = self._pick("elsewhere", "tilde", "variable", "missing", "empty")
        if where:
            place = home / f"own-{kind}"
            given = {"tilde": f"~/own-{kind}", "variable": f"$HOME/own-{kind}", "empty": ""}
            environ[variable] = given.get(where, str(place))
        own = self._section("default", kind, home) + self._section("work", kind, home)
        text = own + ("[profile people]" if kind == "config" else "[people]") + _static(f"people-{kind}")
        if kind == "config":
            text += f"[sso-session corporate]\nsso_region = eu-west-1\nsso_start_url = {self._url}/start\n"
        if where != "missing":
            place.write_text(text)
        return f"--- {where or kind}\n{text}"

    def _section(self, name: str, kind: str, home: Path) -> str:
        heads = {"default": ("[default]", "[profile default]", '[profile "default"]', "[DEFAULT]")}
        head = self._pick(
            *heads.get(name, (f"[profile {name}]",)), often=heads.get(name, (f"[profile {name}]",))[0]
        )
        if kind == "credentials":
            head = f"[{name}]"
        what = self._pick(*self._settings, often=self._pick("keys", "region", ""))
        if not what:
            return ""
        body = {
            "keys": _static(f"{name}-{kind}"),
            "token": _static(f"{name}-{kind}") + "aws_session_token = t\n",
            "tokens": _static(f"{name}-{kind}") + "aws_session_token = t\naws_security_token = old\n",
            "token alone": "\naws_session_token = t\n",
            "half": "\naws_access_key_id = half\n",
            "region": f"\nregion = us-west-{1 if kind == 'config' else 2}\n",
            "no region": "\nregion =\n",
            "process": f"\ncredential_process = cat {home / f'{name}.json'}\n",
            "role": f"\nrole_arn = arn:aws:iam::1:role/{name}-{kind}\nsource_profile = people\n",
            "role of keys": _static(f"{name}-{kind}") + f"role_arn = arn:aws:iam::1:role/{name}\n"
            f"source_profile = {name}\n",
            "role of variables": f"\nrole_arn = arn:aws:iam::1:role/{name}\ncredential_source = Environment\n",
            "role of nobody": f"\nrole_arn = arn:aws:iam::1:role/{name}\n",
            "role alone": f"\nsource_profile = people\n{_static(f'{name}-{kind}').strip()}\n",
            "web": f"\nrole_arn = arn:aws:iam::1:role/{name}\nweb_identity_token_file = {home / 'token'}\n",
            "web without role": f"\nweb_identity_token_file = {home / 'token'}\n",
            "no web": "\nrole_arn = arn:aws:iam::1:role/x\nweb_identity_token_file =\n",
            "sso": f"\nsso_start_url = {self._url}/start\nsso_region = eu-west-1\nsso_account_id = 1\n"
            f"sso_role_name = {name}\n",
            "half sso": f"\nsso_start_url = {self._url}/start\n",
            "nested": _static(f"{name}-{kind}") + "s3 =\n  addressing_style = path\n",
            "broken": "\nthis is not a setting\n",
        }[what]
        return head + body


_PROFILES = ("AWS_DEFAULT_PROFILE", "AWS_PROFILE")
_SERVERS = ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_SSO", "AWS_EC2_METADATA_SERVICE_ENDPOINT")
_PLAIN = ("keys", "token", "tokens", "token alone", "half", "region", "no region", "nested", "broken")
_SETTINGS = (
    *_PLAIN,
    *("process", "role", "role of keys"),
    *(
        "role of variables",
        "role of nobody",
        "role alone",
        "web",
        "web without role",
        "no web",
        "sso",
        "half sso",
    ),
)


def _static(name: str) -> str:
    return f"\naws_access_key_id = {name}\naws_secret_access_key = s\n"
