"""What stands in no file of the project: a public registry, a folder of the developer, a bare suppression."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

_HOSTS = (
    "py" + "pi.org",
    "python" + "hosted.org",
    "debian" + ".org",
    "ubuntu" + ".com",
    "npm" + "js.org",
    "npm" + "js.com",
    "anaconda" + ".org",
    "crates" + ".io",
)
HOST = re.compile("|".join(re.escape(host) for host in _HOSTS), re.IGNORECASE)
NOBODY = ("user", "me", "alice", "bob", "nobody", "someone", "somebody")
OWN_PATH = re.compile(
    r"(?<![\w.$}>/-])/(?:"
    + "|".join(
        (
            "ro" + "ot/",
            "wo" + "rk/",
            "tmp/" + "w/",
            rf"(?:home|Users)/(?!(?:{'|'.join(NOBODY)})\b)[a-z_][\w.-]*",
        )
    )
    + r")|[A-Z]:\\+Users\\+\w"
)
SUPPRESSION = re.compile(
    r"#\s*(?:type:\s*ignore(?:\[[^\]]*\])?|noqa(?::\s*[A-Z]+\d+(?:\s*,\s*[A-Z]+\d+)*)?)(?P<rest>.*)"
)


@cache
def texts() -> dict[str, str]:
    """Every text file that is, or is about to be, under version control."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=CHECKOUT, capture_output=True, check=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    found = {}
    for name in listed.decode().split("\0"):
        path = CHECKOUT / name
        if name and path.is_file():
            body = path.read_bytes()
            if b"\0" not in body:
                found[name] = body.decode("utf-8")
    assert "pyproject.toml" in found
    return found


def places(pattern: re.Pattern[str]) -> list[str]:
    """Every line that matches, with file and number."""
    return [
        f"{name}:{number}: {line.strip()}"
        for name, text in texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_git_ignores_no_module_of_the_package() -> None:
    modules = {path.relative_to(CHECKOUT).as_posix() for path in (CHECKOUT / "pipper").rglob("*.py")}
    assert modules - texts().keys() == set()


def test_no_file_names_the_host_of_a_public_registry() -> None:
    assert places(HOST) == []


def test_no_file_holds_a_path_of_the_machine_it_was_written_on() -> None:
    assert places(OWN_PATH) == []


def unexplained(text: str) -> list[int]:
    """The numbers of lines that suppress a warning with no reason: beside it, or in a comment right above."""
    found, explained = [], False
    for number, line in enumerate(text.splitlines(), 1):
        suppression = SUPPRESSION.search(line)
        if suppression and not explained and not re.search(r"\w+ \w+", suppression["rest"]):
            found.append(number)
        explained = line.lstrip().startswith("# ") or bool(suppression and explained)
    return found


def test_every_suppressed_warning_gives_its_reason() -> None:
    bare = [
        f"{name}:{number}"
        for name, text in texts().items()
        if name.endswith(".py")
        for number in unexplained(text)
    ]
    assert bare == []


@pytest.mark.parametrize("mark", ["# no" + "qa", "# no" + "qa: S110", "# type: " + "ignore[misc]"])
def test_a_suppression_needs_a_reason(mark: str) -> None:
    assert unexplained(f"x = 1  {mark}") == [1]
    assert unexplained(f"x = 1  {mark} - because of that") == []
    assert unexplained(f"# because of that\nx = 1  {mark}\ny = 1  {mark}\n\nz = 1  {mark}") == [5]


@pytest.mark.parametrize(
    "line", ["see /" + "root/x", '"/' + "work/main", "/home/" + "jane/x", r"C:\Users" + r"\jane"]
)
def test_a_path_of_a_machine_is_recognised(line: str) -> None:
    assert OWN_PATH.search(line)


@pytest.mark.parametrize(
    "line", ["/home/user/x", "https://index.example.com/work/x", "a/root/b", "{home}/root/x"]
)
def test_a_harmless_path_is_left_alone(line: str) -> None:
    assert not OWN_PATH.search(line)
