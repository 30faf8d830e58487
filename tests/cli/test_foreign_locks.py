"""`pipper sync --lock` with a lock that somebody else wrote, in a project and outside of one."""

import hashlib
import http.server
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import run_pipper
from tests.loopback import QuietHandler, served
from tests.wheelhouse import make_wheel

NOTHING = "0" * 64


class Files:
    """Wheels on a web server, which counts what it is asked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self.answer: bytes | None = None
        """Sent in place of any file."""
        self.url = ""

    def entry(self, wheel: Path, *, marker: str = "", sha256: str = "", more: str = "") -> str:
        name, version = wheel.name.split("-")[:2]
        digest = sha256 or hashlib.sha256(wheel.read_bytes()).hexdigest()
        return (
            f'[[packages]]\nname = "{name}"\nversion = "{version}"\n'
            + (f'marker = "{marker}"\n' if marker else "")
            + f'wheels = [{{ url = "{self.url}/{wheel.name}", {more}hashes = {{ sha256 = "{digest}" }} }}]\n'
        )


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    folder = tmp_path / "files"
    folder.mkdir()
    files = Files(folder)

    class Handler(QuietHandler, http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(folder))  # type: ignore[arg-type] # what the server passes

        def do_GET(self) -> None:
            files.asked.append(self.path)
            if files.answer is None:
                super().do_GET()
                return
            self.send_response(200)
            self.send_header("Content-Length", str(len(files.answer)))
            self.end_headers()
            self.wfile.write(files.answer)

    with served(Handler) as server:
        files.url = server.url
        yield files


def write_lock(folder: Path, *entries: str, top: str = "") -> Path:
    path = folder / "pylock.toml"
    path.write_text(f'lock-version = "1.0"\ncreated-by = "other"\n{top}\n' + "".join(entries))
    return path


@pytest.fixture
def host(tmp_path: Path) -> Path:
    host = tmp_path / "host"
    host.mkdir()
    return host


def test_a_lock_without_sizes_is_synced(files: Files, host: Path) -> None:
    entries = [files.entry(make_wheel(files.folder, name, "1.0")) for name in ("alpha", "beta")]
    write_lock(host, *entries)
    run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host)
    assert (host / "packages" / "beta" / "__init__.py").is_file()
    asked = len(files.asked)
    again = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host)
    assert "Nothing to do" in again.stderr
    assert len(files.asked) == asked


def test_of_several_entries_the_one_with_the_right_marker_is_taken(files: Files, host: Path) -> None:
    old, new = make_wheel(files.folder, "alpha", "1.0"), make_wheel(files.folder, "alpha", "2.0")
    write_lock(
        host,
        files.entry(old, marker="python_version < '3'"),
        files.entry(new, marker="python_version >= '3'"),
    )
    run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host)
    assert (host / "packages" / "alpha-2.0.dist-info").is_dir()


def test_a_lock_of_a_later_minor_version_is_synced_with_a_warning(files: Files, host: Path) -> None:
    lock = write_lock(host, files.entry(make_wheel(files.folder, "alpha", "1.0")))
    lock.write_text(lock.read_text().replace('"1.0"', '"1.3"', 1))
    done = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host)
    warned = "warning: pylock.toml has lock-version 1.3, and pipper knows 1.0: what is newer in it is ignored"
    assert [line for line in done.stderr.splitlines() if "1.3" in line] == [warned]
    assert (host / "packages" / "alpha" / "__init__.py").is_file()


def test_in_a_project_it_is_the_projects_environment(files: Files, host: Path) -> None:
    (host / "pipper.toml").write_text("index = false\n")
    write_lock(host, files.entry(make_wheel(files.folder, "alpha", "1.0")))
    done = run_pipper("sync", "--lock", "pylock.toml", cwd=host)
    assert str(host / ".venv") in done.stderr
    assert list((host / ".venv").glob("lib*/**/alpha/__init__.py"))
    assert not (host / "pipper.lock").exists()


def test_a_path_beside_the_lock_needs_no_network(tmp_path: Path, host: Path) -> None:
    wheel = make_wheel(host / "wheels", "alpha", "1.0")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    entry = '[[packages]]\nname = "alpha"\nversion = "1.0"\n'
    entry += f'wheels = [{{ path = "wheels/{wheel.name}", hashes = {{ sha256 = "{digest}" }} }}]\n'
    write_lock(host, entry)
    run_pipper("sync", "--lock", host / "pylock.toml", "--offline", "-t", "packages", cwd=tmp_path)
    assert (tmp_path / "packages" / "alpha" / "__init__.py").is_file()


def test_M12_a_wrong_hash_is_refused_with_both_and_the_place(files: Files, host: Path) -> None:
    wheel = make_wheel(files.folder, "alpha", "1.0")
    write_lock(host, files.entry(wheel, sha256=NOTHING))
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 4
    got = hashlib.sha256(wheel.read_bytes()).hexdigest()
    assert (
        f"hash mismatch for alpha 1.0: expected sha256:{'0' * 64} got sha256:{got} from {files.url}"
        in refused.stderr
    )
    assert not (host / "packages").exists()


def test_S7_another_body_of_the_right_length_is_refused(files: Files, host: Path) -> None:
    wheel = make_wheel(files.folder, "alpha", "1.0")
    write_lock(host, files.entry(wheel, more=f"size = {wheel.stat().st_size}, "))
    files.answer = b"<Error/>".ljust(wheel.stat().st_size)
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 4
    assert len(files.asked) == 2
    assert not (host / "packages").exists()


def test_S8_a_file_that_is_gone_is_told_as_that(files: Files, host: Path) -> None:
    wheel = make_wheel(files.folder, "alpha", "1.0")
    write_lock(host, files.entry(wheel, more=f"size = {wheel.stat().st_size}, "))
    wheel.unlink()
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 4
    assert "locked object is missing: " in refused.stderr
    assert len(files.asked) == 1


def test_M13_nothing_is_asked_for_a_lock_with_one_unsafe_url(files: Files, host: Path) -> None:
    alpha, beta = make_wheel(files.folder, "alpha", "1.0"), make_wheel(files.folder, "beta", "1.0")
    write_lock(host, files.entry(alpha), files.entry(beta).replace(files.url, "http://169.254.169.254"))
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 4
    assert files.asked == []


def test_K9_an_expired_signature_is_told_before_any_request(files: Files, host: Path) -> None:
    entry = files.entry(make_wheel(files.folder, "alpha", "1.0"))
    query = "?X-Amz-Date=20260102T030405Z&X-Amz-Expires=60&X-Amz-Signature=canary"
    write_lock(host, entry.replace('.whl"', f'.whl{query}"'))
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 5
    assert "authorization expired at 2026-01-02 03:05:05 UTC" in refused.stderr
    assert "canary" not in refused.stderr
    assert files.asked == []


def test_a_lock_for_another_python_is_refused(files: Files, host: Path) -> None:
    write_lock(host, files.entry(make_wheel(files.folder, "alpha", "1.0")), top='requires-python = "<3"')
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 2
    assert files.asked == []


def test_a_package_that_has_only_a_source_distribution_is_named(files: Files, host: Path) -> None:
    entry = '[[packages]]\nname = "alpha"\nversion = "1.0"\n'
    entry += f'sdist = {{ url = "{files.url}/alpha-1.0.tar.gz", hashes = {{ sha256 = "{NOTHING}" }} }}\n'
    write_lock(host, entry)
    refused = run_pipper("sync", "--lock", "pylock.toml", "-t", "packages", cwd=host, ok=False)
    assert refused.code == 2
    assert "alpha" in refused.stderr
