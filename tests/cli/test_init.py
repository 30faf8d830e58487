"""`pipper init`."""

import pytest

from tests.invariants import Workspace


def test_a_new_project_can_be_locked_and_synced_at_once(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    done = empty.run("init", "-R", "acme=file:../repository")
    assert done.stdout == ""
    assert (
        done.stderr
        == f"Wrote {empty.manifest}. Add your requirements to it, then run `pipper lock && pipper sync`\n"
    )
    assert 'acme = "file:../repository"' in empty.manifest.read_text()
    empty.run("lock")
    empty.run("sync", "--dry-run")


def test_a_project_is_never_overwritten(workspace: Workspace) -> None:
    workspace.refused("init", code=2, subject="already has a manifest")


def test_a_pyproject_with_our_table_is_a_project_already(empty: Workspace) -> None:
    assert empty.environment
    (empty.app / "pyproject.toml").write_text("[tool.pipper]\n")
    empty.refused("init", code=2, subject="already has a manifest")


@pytest.mark.parametrize(
    ("given", "subject"),
    [
        ("acme", "is not ALIAS=URL"),
        ("ac me=file:///srv", "repositories.ac me: `ac me` cannot be an alias"),
        ("index=file:///srv", "`index` cannot be an alias"),
        ('acme=file:///a"b\nx=1', ""),
        ("acme=s3://me:secret@bucket", "a URL with a user name or a password: acme=s3://bucket"),
        ("acme=https://example.com", "`https://example.com` is not a repository"),
    ],
)
def test_a_repository_that_cannot_stand_in_a_manifest_is_refused(
    given: str, subject: str, empty: Workspace
) -> None:
    if not subject:
        empty.run("init", "-R", given)
        empty.run("lock", "--check", code=1)
        return
    empty.refused("init", "-R", given, code=2, subject=subject)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("pipper.json", '{"dependencies": ["alpha:>=1.0.0"], "dev_dependencies": ["beta"]}'),
        ("pipper.yaml", "dependencies:\n  - alpha:>=1.0.0\ndev_dependencies:\n  - beta\n"),
        ("requirements.txt", "alpha>=1.0.0\nbeta\n"),
        (
            "pyproject.toml",
            "[project]\nname = 'x'\ndependencies = ['alpha>=1.0.0']\n[dependency-groups]\ndev = ['beta']\n",
        ),
        (
            "pyproject.toml",
            "[tool.poetry.dependencies]\nalpha = '^1.0.0'\n[tool.poetry.dev-dependencies]\nbeta = '*'\n",
        ),
    ],
)
def test_the_project_of_another_tool_is_brought_over_and_can_be_locked(
    empty: Workspace, name: str, text: str
) -> None:
    empty.publish(empty.wheel("alpha"), empty.wheel("beta"))
    (empty.app / name).write_text(text)
    empty.run("init", "--from", ".", "-R", "acme=file:../repository")
    empty.run("lock")
    assert empty.locked() == {"alpha": "1.0.0", "beta": "1.0.0"}


def test_what_is_left_behind_is_said(empty: Workspace) -> None:
    assert empty.environment
    (empty.app / "requirements.txt").write_text("alpha\n-e .\n-e ../gone\n")
    done = empty.run("init", "--from", "requirements.txt")
    assert "not converted: requirements.txt: line 2" in done.stderr
    assert "line 3: the directory `../gone` has no project" in done.stderr
    assert "run `pipper add --editable ../gone`" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "Add your requirements to it, then"),
        (("--from", "requirements.txt"), "Read it and add your repositories to it, then"),
        (("--from", "requirements.txt", "-R", "acme=../packages"), "Read it, then"),
    ],
)
def test_the_next_step_asks_for_nothing_that_was_given(
    options: tuple[str, ...], said: str, empty: Workspace
) -> None:
    assert empty.environment
    (empty.app / "requirements.txt").write_text("alpha\n")
    assert f"pipper.toml. {said}" in empty.run("init", *options).stderr


@pytest.mark.parametrize("line", ["-r", "-r folder", "-c folder", "-r gone.txt"])
def test_R03_an_included_file_that_cannot_be_read_is_said_and_the_rest_is_read(
    line: str, empty: Workspace
) -> None:
    assert empty.environment
    (empty.app / "folder").mkdir()
    (empty.app / "requirements.txt").write_text(f"{line}\nalpha\n")
    assert (
        "not converted: requirements.txt: line 1: " in empty.run("init", "--from", "requirements.txt").stderr
    )
    assert 'dependencies = ["alpha"]' in empty.manifest.read_text()


SECRETS = {
    "requirements.txt": [
        "-r https://oauth2:T0KEN-OF-CI@git.example.com/base.txt",
        "-rhttps:/oauth2:T0KEN-OF-CI@git.example.com/base.txt",
        "-c https://git.example.com/c.txt?token=T0KEN-OF-CI",
        "--requirement='https://git.example.com/c.txt?a b=T0KEN-OF-CI'",
        "-c file:///srv/c.txt?token=T0KEN-OF-CI",
        "./lib?token=T0KEN-OF-CI",
        "-e ./lib?token=T0KEN-OF-CI",
        "-e /srv/lib?token=T0KEN-OF-CI",
        "https:oauth2:T0KEN-OF-CI@git.example.com/x",
        "--index-url https:oauth2:T0KEN-OF-CI@index.example.com/simple",
    ],
    "setup.cfg": [
        "[options]\ninstall_requires = file: https://git.example.com/r.txt?token=T0KEN-OF-CI",
        "[options]\ninstall_requires =\n  lib of https://oauth2:T0KEN-OF-CI@git.example.com/x",
    ],
    "pyproject.toml": [
        "[tool.uv]\noverride-dependencies = ['x @ https://u:T0KEN-OF-CI@git.example.com/x ; os_name == \"nt\"']",
        "[tool.uv]\nconstraint-dependencies = ['x @ https://git.example.com/x.whl?token=T0KEN-OF-CI']",
        "[project]\ndependencies = ['x']\n[tool.uv.sources]\nx = { index = 'https://u:T0KEN-OF-CI@git.example.com/x' }",
        "[tool.poetry.dependencies]\nx = { version = '1', source = 'https://u:T0KEN-OF-CI@git.example.com/x' }",
        "[tool.poetry.dependencies]\nx = 'https://u:T0KEN-OF-CI@git.example.com/x'",
        "[[tool.poetry.source]]\nname = 'corp'\nurl = 'https:u:T0KEN-OF-CI@git.example.com/x'",
        "[[tool.pdm.source]]\nname = 'https://u:T0KEN-OF-CI@git.example.com/x'\nurl = ''",
    ],
}
"""Lines of a file with a secret in a URL, or in what is left of one."""


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, lines in SECRETS.items() for line in lines]
)
def test_S_what_is_not_converted_is_said_without_secrets(name: str, line: str, empty: Workspace) -> None:
    assert empty.environment
    (empty.app / name).write_text(f"{line}\n")
    done = empty.run("init", "--from", name)
    assert "not converted: " in done.stderr
    assert "# Not converted: " in empty.manifest.read_text()
    assert "T0KEN" not in done.stderr + done.stdout + empty.manifest.read_text()


def test_a_folder_with_nothing_to_begin_from_is_told(empty: Workspace) -> None:
    assert empty.environment
    empty.refused("init", "--from", ".", code=2, subject="has no file to convert")


FOREIGN = {
    "uv.lock": 'version = 1\nrequires-python = ">=3.11"\n[[package]]\nname = "x"\nsource = { virtual = "." }\n',
    "poetry.lock": "",
    "pdm.lock": '[metadata]\ngroups = ["default"]\n',
}


@pytest.mark.parametrize("name", FOREIGN)
def test_R03_the_first_lock_prefers_what_another_tool_locked(name: str, empty: Workspace) -> None:
    empty.publish(*(empty.wheel("Alpha", version) for version in ("1.0", "1.1", "2.0")), empty.wheel("beta"))
    empty.write_manifest("alpha", "beta")
    pins = '[[package]]\nname = "alpha"\nversion = "1.1"\n[[package]]\nname = "gone"\nversion = "3"\n'
    (empty.app / name).write_text(FOREIGN[name] + pins)
    done = empty.run("lock")
    assert f"Preferring the versions of 2 packages in {name}" in done.stderr
    assert empty.locked() == {"alpha": "1.1", "beta": "1.0.0"}
    assert "Preferring" not in empty.run("lock", "-U").stderr
    assert empty.locked()["alpha"] == "2.0"


def test_R03_a_lock_of_another_tool_that_cannot_be_read_is_warned_of(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    empty.write_manifest("alpha")
    (empty.app / "uv.lock").write_text("package = 3\n")
    assert "the versions in uv.lock are not preferred" in empty.run("lock").stderr


def test_R05_a_project_of_setuptools_with_an_empty_table_of_pipper_is_told(empty: Workspace) -> None:
    manifest, cfg = empty.app / "pyproject.toml", empty.app / "setup.cfg"
    empty.app.mkdir(parents=True)
    manifest.write_text("[tool.pipper]\n")
    cfg.write_text("[metadata]\nname = x\n[options]\ninstall_requires =\n    alpha>=1\n")
    done = empty.refused("lock", code=2, subject="the requirements are in setup.cfg")
    assert "pipper init --from setup.cfg" in done.stderr
    manifest.write_text("[build-system]\nrequires = ['setuptools']\n")
    empty.run("init", "--from", ".")
    assert 'dependencies = ["alpha>=1"]' in empty.manifest.read_text()


def test_R05_nothing_is_added_to_a_project_whose_requirements_are_elsewhere(empty: Workspace) -> None:
    manifest = empty.app / "pyproject.toml"
    empty.app.mkdir(parents=True)
    manifest.write_text("[tool.pipper]\n")
    done = empty.refused("add", "alpha", code=2, subject="has no [project]")
    assert "--group NAME" in done.stderr
    (empty.app / "setup.cfg").write_text("[options]\ninstall_requires = beta\n")
    done = empty.refused("add", "alpha", code=2, subject="the requirements are in setup.cfg")
    assert manifest.read_text() == "[tool.pipper]\n"


def test_R05_a_project_with_setup_py_alone_is_told_what_to_write(empty: Workspace) -> None:
    empty.app.mkdir(parents=True)
    (empty.app / "pyproject.toml").write_text("[tool.pipper]\n")
    (empty.app / "setup.py").write_text("")
    done = empty.refused("lock", code=2, subject="the requirements are in setup.py")
    assert "under [project]" in done.stderr
    (empty.app / "pyproject.toml").write_text("[tool.pipper]\n[dependency-groups]\ndev = []\n")
    empty.run("lock", "--dry-run")


def test_a_member_of_a_workspace_is_not_evicted_by_a_manifest_of_its_own(empty: Workspace) -> None:
    assert empty.environment
    (empty.app / "pipper.toml").write_text('[workspace]\nmembers = ["packages/*"]\n')
    web = empty.app / "packages" / "web"
    web.mkdir(parents=True)
    (web / "pyproject.toml").write_text('[project]\nname = "acme-web"\nversion = "3.0"\n')
    for more in ((), ("--from", ".")):
        done = empty.run("init", *more, cwd=web, code=2)
        assert "is in the workspace of" in done.stderr
        assert "run `pipper add` in it" in done.stderr
        assert not (web / "pipper.toml").exists()
    bare = empty.app / "packages" / "bare"
    bare.mkdir()
    empty.run("init", cwd=bare)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("[project]\nname = 'x'\ndependencies = ['alpha']\n", "add an empty table [tool.pipper] to it"),
        ("[dependency-groups]\ndev = ['beta']\n", "pipper init --from pyproject.toml"),
        ("[tool.poetry.dependencies]\nalpha = '^1.0.0'\n", "hint: run `pipper init --from pyproject.toml`"),
    ],
)
def test_init_beside_requirements_of_a_pyproject_does_not_begin_without_them(
    empty: Workspace, text: str, hint: str
) -> None:
    assert empty.environment
    (empty.app / "pyproject.toml").write_text(text)
    assert hint in empty.refused("init", code=2, subject="has requirements").stderr
    assert not empty.manifest.exists()
    assert "[tool.pipper]" in empty.run("add", "alpha", code=2).stderr


def test_init_beside_files_of_other_tools_says_how_to_convert_them(empty: Workspace) -> None:
    assert empty.environment
    (empty.app / "pyproject.toml").write_text("[tool.ruff]\nline-length = 100\n")
    (empty.app / "requirements.txt").write_text("alpha\n")
    assert "pipper init --from requirements.txt" in empty.run("init").stderr
