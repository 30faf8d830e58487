"""What other hosts and repositories get of members: wheels that are built of them, or their names and a mend."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.cli.test_members import LAB, Yard, index
from tests.commands import run_pipper
from tests.index_double import IndexDouble
from tests.invariants import Workspace
from tests.s3_double import Answer, Rule, S3Double

__all__ = ["index"]  # a fixture of `yard`


@pytest.fixture
def yard(empty: Workspace, index: object) -> Yard:
    found = Yard(empty, index)  # type: ignore[arg-type]  # the fixture is an IndexDouble
    found.member("../lab", "lab", requires="'six'")
    found.ask("lab", more=LAB)
    found.workspace.run("lock")
    return found


@pytest.mark.parametrize(
    "command",
    [("export", "-f", "pylock"), ("export", "-f", "requirements"), ("download", "-d", "out"), ("authorize",)],
)
def test_a_member_that_cannot_travel_is_named_with_the_mend(yard: Yard, command: tuple[str, ...]) -> None:
    done = yard.workspace.refused(*command, code=2, subject="lab (../lab)")
    assert "cannot be exported" in done.stderr
    assert "--build-members" in done.stderr


def test_export_carries_built_members_beside_the_lock(yard: Yard) -> None:
    out = yard.workspace.app / "out"
    out.mkdir()
    done = yard.workspace.refused("export", "-f", "pylock", "--build-members", code=2, subject="-o FILE")
    assert "uilding" not in done.stderr, "what has no place is not built"
    yard.workspace.run("export", "-f", "pylock", "-o", "out/pylock.toml", "--build-members")
    assert {path.name for path in out.iterdir()} == {"pylock.toml", "lab-1.0-py3-none-any.whl"}
    (lab,) = (
        each for each in tomllib.loads((out / "pylock.toml").read_text())["packages"] if each["name"] == "lab"
    )
    assert lab["wheels"][0]["path"] == "lab-1.0-py3-none-any.whl"
    yard.workspace.run("sync", "--lock", "out/pylock.toml", "-t", "packages")
    assert (yard.workspace.app / "packages" / "lab.py").exists()
    yard.workspace.run("export", "-f", "requirements", "-o", "out/requirements.txt", "--build-members")
    assert "lab==1.0 \\\n    --hash=sha256:" in (out / "requirements.txt").read_text()


def test_pip_and_uv_find_the_built_members_that_requirements_txt_requires(yard: Yard) -> None:
    (yard.workspace.app / "out").mkdir()
    yard.workspace.run("export", "-f", "requirements", "-o", "out/requirements.txt", "--build-members")
    for tool in (
        [sys.executable, "-m", "pip", "install"],
        [str(Path(sys.executable).with_name("uv")), "pip", "install"],
    ):
        target = yard.workspace.root / f"by-{Path(tool[0]).name}"
        subprocess.run(
            [
                *(*tool, "--require-hashes", "-r", yard.workspace.app / "out" / "requirements.txt"),
                *("--index-url", yard.index.url, "--target", target),
            ],
            check=True,
            cwd=yard.workspace.root,
            env={**os.environ, "PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1"},
        )
        assert (target / "lab.py").exists()


def test_download_saves_built_members(yard: Yard) -> None:
    yard.workspace.run("download", "-d", "out", "--build-members")
    assert {path.name for path in (yard.workspace.app / "out").iterdir()} == {
        "lab-1.0-py3-none-any.whl",
        "six-1.0-py3-none-any.whl",
    }


def test_the_project_itself_can_be_left_out(yard: Yard) -> None:
    yard.workspace.manifest.unlink()
    yard.project(requires="'six'")
    yard.workspace.run("lock")
    done = yard.workspace.run("export", "-f", "requirements", code=2)
    assert "--no-project" in done.stderr
    text = yard.workspace.run("export", "-f", "requirements", "--no-project").stdout
    assert "six==1.0" in text
    assert "app" not in text
    yard.workspace.run("download", "-d", "out", "--no-project")
    assert [path.name for path in (yard.workspace.app / "out").iterdir()] == ["six-1.0-py3-none-any.whl"]


def test_authorize_carries_built_members_beside_a_pylock(remote: Workspace, index: IndexDouble) -> None:
    yard = Yard(remote, index)
    yard.member("../lab", "lab")
    yard.ask("lab", "alpha", more=f"{LAB}[repositories]\nacme = '{remote.url}'\n")
    remote.run("lock")
    done = remote.refused("authorize", "-o", "app.lock", code=2, subject="lab (../lab)")
    assert "--build-members with -o pylock.toml builds them" in done.stderr
    done = remote.refused("authorize", "-o", "app.lock", "--build-members", code=2, subject="-o FILE")
    assert "-o pylock.toml" in done.stderr
    out = remote.app / "out"
    out.mkdir()
    remote.run("authorize", "-o", "out/pylock.toml", "--build-members")
    assert {path.name for path in out.iterdir()} == {"pylock.toml", "lab-1.0-py3-none-any.whl"}
    found = {each["name"]: each for each in tomllib.loads((out / "pylock.toml").read_text())["packages"]}
    assert found["lab"]["wheels"][0]["path"] == "lab-1.0-py3-none-any.whl"
    assert "X-Amz-Signature" in found["alpha"]["wheels"][0]["url"]
    host = remote.root / "host"
    host.mkdir()
    run_pipper("sync", "--lock", out / "pylock.toml", "-t", "packages", cwd=host)
    assert (host / "packages" / "lab.py").exists()


def test_publish_warns_of_members_that_the_repository_does_not_have(yard: Yard) -> None:
    yard.member("../core", "core", version="2.0")
    yard.member("../lab", "lab", requires="'core>=2', 'six'")
    yard.ask("lab", more=f"{LAB}core = {{ path = '../core' }}\n")
    yard.workspace.run("bundle", "../core", "-o", "dist")
    yard.workspace.run("bundle", "../lab", "-o", "dist")
    repository = ("-b", yard.workspace.url)
    (core, lab) = sorted(Path(yard.workspace.app / "dist").glob("*.pipper"))
    assert "a member" not in yard.workspace.run("publish", lab, core, "--dry-run", *repository).stderr
    done = yard.workspace.run("publish", lab, *repository)
    assert "requires `core>=2`, a member in `../core`" in done.stderr
    assert "has no version of it: publish it too" in done.stderr
    yard.workspace.publish(yard.workspace.wheel("core", "1.0.0"))
    done = yard.workspace.run("publish", lab, *repository)
    assert "has only 1.0.0" in done.stderr
    assert "a member" not in yard.workspace.run("publish", lab, core, *repository).stderr
    assert "a member" not in yard.workspace.run("publish", lab, *repository).stderr


def check_published(yard: Yard, why: str) -> None:
    """Publish lab, which requires the member core, and require that only a warning tells why core is unknown."""
    workspace = yard.workspace
    lab, part = (
        workspace.wheel(name, "1.0.0", requires=["core>=2", "core[fast]>=1"]) for name in ("lab", "part")
    )
    done = workspace.run("publish", lab, part, "-b", workspace.url)
    assert f"published {lab.name}\npublished {part.name}\n" in done.stderr
    assert done.stderr.count("cannot tell whether `default` has `core`, a member in `../core`") == 1
    assert f"that {lab.name} requires: " in done.stderr
    assert why in done.stderr


def test_a_damaged_page_of_a_member_does_not_decide_what_publish_says(yard: Yard) -> None:
    yard.member("../core", "core", version="2.0")
    yard.ask("lab", more=f"{LAB}core = {{ path = '../core' }}\n")
    yard.workspace.publish(yard.workspace.wheel("core", "1.0.0"))
    (yard.workspace.repository / "core" / "index.json").write_text("{")
    check_published(yard, "core/index.json is damaged")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize(("status", "code"), [(403, "AccessDenied"), (503, "SlowDown")])
def test_a_page_of_a_member_that_the_bucket_does_not_give_does_not_decide_what_publish_says(
    status: int, code: str, remote: Workspace, index: IndexDouble, double: S3Double
) -> None:
    """A policy that grants a job its own package alone refuses the pages of others."""
    yard = Yard(remote, index)
    yard.member("../lab", "lab")
    yard.member("../core", "core", version="2.0")
    yard.ask("lab", more=f"{LAB}core = {{ path = '../core' }}\n[repositories]\nacme = '{remote.url}'\n")
    remote.publish(remote.wheel("core", "1.0.0"))
    remote.run("repository", "site", "-b", remote.url)
    refused = Answer(status=status, code=code)
    double.script(Rule(operation="GetObject", key="*/core/index.json", fault=refused, times=float("inf")))
    check_published(yard, "core/index.json")
    assert "1.0.0" in double.body(remote.bucket, "pipper/lab/index.html").decode()
