"""docs/jobs.md: every job prints what the page says, in an environment with nothing but what its runner sets.

In the place of AWS are doubles on loopback: one gives the job its token, one gives keys of the role for this token,
and the bucket takes no other keys.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.aws_worlds import amazon
from tests.commands import CHECKOUT, PATIENCE, run_pipper
from tests.loopback import QuietHandler, served
from tests.pages import Block, blocks, is_as_shown, steps
from tests.reader import Reader, acme_wheels, preloaded
from tests.s3_double import S3Double
from tests.wheelhouse import make_wheel

PAGE = CHECKOUT / "docs" / "jobs.md"
FILE, JOB = "file of ", "job "
ROLE, TOKEN, ASKER = "arn:aws:iam::123456789012:role/ci", "token-of-the-job", "secret-of-the-runner"
GITHUB = {
    "CI": "true",
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.example.com",
    "GITHUB_REPOSITORY": "acme/app",
    "GITHUB_RUN_ID": "1234",
}
GITLAB = {
    "CI": "true",
    "GITLAB_CI": "true",
    "CI_JOB_URL": "https://gitlab.example.com/acme/app/-/jobs/1234",
    "CI_COMMIT_TAG": "v2.3",
    "AWS_TOKEN": TOKEN,
}
NOT_HERE = {"pip install --upgrade pip"}
"""What the files have, but no transcript: it needs an index."""

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "jq", "tar"))), reason="bash, curl, jq or tar is missing"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What there is outside of the jobs."""

    server: S3Double
    project: Path
    """The checkout of a job: manifest and lock."""
    variables: Mapping[str, str]
    """Where the doubles are."""
    socket: Path
    tokens: str
    """Where GitHub's runner asks for a token."""


class Machine(Reader):
    """A machine of a runner, or an image: no terminal, and no variables but its own."""

    def _typed(self, script: str) -> str:
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        return done.stdout.decode()


class _Tokens(QuietHandler):
    """The address where a job of GitHub Actions asks for its token."""

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        right = asked == {"api-version": ["2.0"], "audience": ["sts.amazonaws.com"]}
        right &= self.headers["Authorization"] == f"bearer {ASKER}"
        body = f'{{"count": 1, "value": "{TOKEN}"}}'.encode()
        self.send_response(200 if right else 403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root = tmp_path_factory.mktemp("jobs")
    project = root / "project"
    project.mkdir()
    (project / "pipper.toml").write_text(
        next(block.text for block in blocks(PAGE) if block.language == "toml")
    )
    with S3Double() as server, amazon() as aws, served(_Tokens) as tokens, preloaded() as socket:
        server.endpoint.client.create_bucket(Bucket="acme-packages")
        env = server.endpoint.environment
        run_pipper("publish", *acme_wheels(root / "wheels"), "-b", "s3://acme-packages", cwd=root, env=env)
        run_pipper("lock", cwd=project, env=env)
        make_wheel(project / "dist", "acme-text", "2.3")
        # From now on the bucket knows nobody but the job: the double for roles names its keys so.
        key = f"{ROLE}.by.{TOKEN}".replace("/", "-").replace(":", "-")
        server.endpoint = replace(server.endpoint, access_key_id=key, secret_access_key="s")
        yield World(
            server=server,
            project=project,
            variables={"AWS_ENDPOINT_URL_S3": server.endpoint.url, "AWS_ENDPOINT_URL_STS": aws},
            socket=socket,
            tokens=f"{tokens.url}/token?api-version=2.0",
        )


class Hosts:
    """Makes the machines of one test."""

    def __init__(self, world: World, place: Path) -> None:
        self._world = world
        self._place = place

    def make(
        self,
        name: str,
        variables: Mapping[str, str],
        places: Mapping[str, str] | None = None,
        *,
        project: bool = True,
    ) -> Machine:
        """Return a machine with an empty home; `places` are folders of the page and what stands for them here."""
        root = self._place / name
        (root / "home").mkdir(parents=True)
        real = {named: root / folder for named, folder in (places or {}).items()}
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(root / "home"),
            "PRELOADED": str(self._world.socket),
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        env |= {variable: _with_places(value, real) for variable, value in variables.items()}
        machine = Machine(root, real, env)
        if project:
            shutil.copytree(self._world.project, machine.folder, dirs_exist_ok=True)
        return machine

    def builder(self, name: str) -> Machine:
        """Return a machine whose job has a role."""
        own = {
            "AWS_ROLE_ARN": ROLE,
            "AWS_WEB_IDENTITY_TOKEN_FILE": "/tmp/aws-token",
            "AWS_DEFAULT_REGION": "eu-central-1",
        }
        machine = self.make(name, {**self._world.variables, **own}, {"/tmp/aws-token": "aws-token"})
        (self._place / name / "aws-token").write_text(TOKEN)
        return machine

    def image(self, name: str, places: Mapping[str, str]) -> Machine:
        """Return a machine with Python and pip, and nothing else."""
        venv = self._place / f"{name}-python"
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
        own = {
            "VIRTUAL_ENV": str(venv),
            "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_ROOT_USER_ACTION": "ignore",
        }
        return self.make(name, own, places, project=False)


def _with_places(text: str, places: Mapping[str, Path]) -> str:
    for named, path in places.items():
        text = text.replace(named, str(path))
    return text


@pytest.fixture
def hosts(world: World, tmp_path: Path) -> Hosts:
    return Hosts(world, tmp_path)


def block_of(reason: str) -> Block:
    """Return the block that the page marks so."""
    (found,) = (block for block in blocks(PAGE) if block.not_run == reason)
    return found


def played(machine: Machine, job: str) -> list[str]:
    """Run a transcript, require what it shows, and return its commands."""
    todo = list(steps(block_of(JOB + job)))
    for step, code, printed in machine.run(todo):
        told = f"{step.place}: $ {step.command}\n{printed}"
        assert code == step.code, f"exit {code} and not {step.code}: {told}"
        assert is_as_shown(step.shown, printed), f"{told}\nnot as shown:\n" + "\n".join(step.shown)
        assert TOKEN not in printed
    return [_on_one_line(step.command) for step in todo]


def _on_one_line(command: str) -> str:
    return re.sub(r"\s*\\\n\s*", " ", command.strip())


def scripts(job: str) -> list[str]:
    """Return the commands of a file of the page."""
    block = block_of(FILE + job)
    if block.language == "dockerfile":
        text = re.sub(r"\\\n\s*", "", block.text)
        runs = re.findall(r"^RUN (?:--mount=\S+ )*(.*)", text, re.MULTILINE)
        runs += (" ".join(yaml.safe_load(words)) for words in re.findall(r"^CMD (.*)", text, re.MULTILINE))
        return [run for run in runs if run not in NOT_HERE]
    (steps_,) = (each["steps"] for each in yaml.safe_load(block.text)["jobs"].values())
    return [_on_one_line(step["run"]) for step in steps_ if "run" in step]


def test_a_job_of_github_actions_gets_its_keys_for_its_token(world: World, hosts: Hosts) -> None:
    (job,) = yaml.safe_load(block_of("file of github").text)["jobs"].values()
    places = {"/tmp/aws-token": "aws-token", "/tmp/pipper-cache": "cache"}
    asks = {"ACTIONS_ID_TOKEN_REQUEST_TOKEN": ASKER, "ACTIONS_ID_TOKEN_REQUEST_URL": world.tokens}
    machine = hosts.make("github", {**world.variables, **GITHUB, **job["env"], **asks}, places)
    assert played(machine, "github") == scripts("github")
    manifest = machine.folder / "pipper.toml"
    manifest.write_text(manifest.read_text().replace('["acme-report"]', '["acme-report", "acme-base<1.2"]'))
    asked = len(world.server.seen)
    played(machine, "github, the manifest was changed and not locked")
    assert len(world.server.seen) == asked


@pytest.mark.parametrize("job", ["gitlab test", "gitlab publish"])
def test_a_job_of_gitlab_ci_gets_its_keys_for_its_token(job: str, world: World, hosts: Hosts) -> None:
    file = yaml.safe_load(block_of("file of gitlab").text)
    variables = {
        key: value.replace("$CI_PROJECT_DIR", "/builds/acme/app") for key, value in file["variables"].items()
    }
    places = {"/tmp/aws-token": "aws-token", "/builds/acme/app": "reader"}
    machine = hosts.make("gitlab", {**world.variables, **GITLAB, **variables}, places)
    assert played(machine, job) == file[job.split()[1]]["script"]


def test_an_image_is_built_with_a_secret_that_stays_in_no_layer(hosts: Hosts, tmp_path: Path) -> None:
    host, image = hosts.builder("host"), hosts.image("image", {"/run/secrets": "secrets"})
    played(host, "image-secret host")
    secrets = tmp_path / "image" / "secrets"
    secrets.mkdir()
    (host.folder / "pylock.toml").rename(secrets / "pylock.toml")
    assert played(image, "image-secret image") == scripts("image-secret")
    shutil.rmtree(secrets)
    left = [
        path for root in ("image", "image-python") for path in (tmp_path / root).rglob("*") if path.is_file()
    ]
    assert left
    assert not [path for path in left if b"X-Amz-" in path.read_bytes()]


def test_an_image_is_built_from_a_downloaded_folder(hosts: Hosts, tmp_path: Path) -> None:
    host, image = hosts.builder("host"), hosts.image("image", {"/srv/app": "srv"})
    played(host, "image-folder host")
    context = tmp_path / "image" / "srv"
    shutil.copytree(host.folder / "wheels", context / "wheels")
    shutil.copy(host.folder / "requirements.txt", context)
    assert played(image, "image-folder image") == scripts("image-folder")


def test_a_host_without_a_network_gets_a_folder(world: World, hosts: Hosts) -> None:
    host, island = hosts.builder("host"), hosts.make("island", {}, project=False)
    played(host, "offline host")
    shutil.copy(host.folder / "release.tar.gz", island.folder)
    asked = len(world.server.seen)
    played(island, "offline island")
    played(island, "offline island, a wheel is missing")
    assert len(world.server.seen) == asked


def test_every_transcript_of_the_page_is_played() -> None:
    marked = {block.not_run for block in blocks(PAGE) if block.language == "console"}
    source = Path(__file__).read_text(encoding="utf-8")
    names = {reason.removeprefix(JOB) for reason in marked if reason}
    assert len(names) > 8
    assert [name for name in names if f'"{name}"' not in source] == []
    assert tomllib.loads(block_of("the manifest of the jobs below").text)["index"] is False
