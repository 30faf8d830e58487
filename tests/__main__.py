"""`python3 -m tests [pytest arguments]` sets up `.test-venv/`, then runs ruff, mypy and pytest.

Needs Python >= 3.11 and pip.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

if sys.version_info < (3, 11):  # noqa: UP036 - it is started by whatever python3 is there
    sys.exit("tests: Python 3.11 or newer is needed, this is " + sys.version.split()[0])

CHECKOUT = Path(__file__).resolve().parent.parent
PLACE = CHECKOUT / ".test-venv"
STAMP = PLACE / "made-from"
PYTHON = PLACE / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
PEERS = ("uv", "pip>=26.1")
"""Other tools that tests and benchmarks compare with."""
IN_PARALLEL = ("-n", str(min(4, (os.cpu_count() or 1) + 1)), "--dist", "worksteal")
"""Without arguments. Each process has a stretch of the files; the one that is done first takes from the others. It is
one more than there are processors, since tests wait for servers, programs and the disk."""
CHECKS = (
    ("ruff", "check", "."),
    ("ruff", "format", "--check", "."),
    ("mypy",),
)


def main(arguments: list[str]) -> int:
    """Run everything; return 0 where all passed. pytest comes last, so that its summary closes the output."""
    os.chdir(CHECKOUT)
    # Thousands of processes are started, and each would compile all of pipper anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    prepare()
    failed = [" ".join(check) for check in CHECKS if run(*check)]
    for check in failed:
        print(f"tests: `{check}` failed, see above; pytest follows", file=sys.stderr, flush=True)
    code = run("pytest", *(arguments or IN_PARALLEL))
    return code or bool(failed)


def prepare() -> None:
    """Make the virtual environment, unless it was made from this very pyproject.toml by this very Python."""
    wanted = made_from()
    if STAMP.is_file() and STAMP.read_text(encoding="utf-8") == wanted:
        return
    print(f"tests: making {PLACE.name}/ (once for each pyproject.toml and Python)", flush=True)
    if PLACE.exists():
        shutil.rmtree(PLACE)
    subprocess.run([sys.executable, "-m", "venv", str(PLACE)], check=True)
    install = [str(PYTHON), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    subprocess.run([*install, "--editable", ".[dev]", *PEERS], check=True)
    STAMP.write_text(wanted, encoding="utf-8")


def made_from() -> str:
    """What decides whether the environment is still good; its place counts, because scripts name it."""
    digest = hashlib.sha256((CHECKOUT / "pyproject.toml").read_bytes())
    digest.update("\n".join((*PEERS, sys.version, sys.executable, str(PLACE))).encode())
    return digest.hexdigest() + "\n"


def run(*words: str) -> int:
    """Run a module of the environment and return its exit code."""
    print(f"$ python -m {' '.join(words)}", flush=True)
    return subprocess.run([str(PYTHON), "-m", *words], check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except subprocess.CalledProcessError as error:
        sys.exit(f"tests: setting up failed: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
