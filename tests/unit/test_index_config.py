"""Which index is used, and who asks it: the order of the sources, and what is never shown."""

import sys
from pathlib import Path

import pytest

from pipper.core.reporter import Reporter
from pipper.errors import UsageError
from pipper.http.client import Account
from pipper.index.config import Accounts, IndexAddress, Surroundings, find_index


class Heard(Reporter):
    """Keeps what is said with `-v`."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def detail(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with no files, on a machine with none."""
    monkeypatch.setattr(sys, "prefix", str(tmp_path / "prefix"))
    monkeypatch.setattr(sys, "platform", "linux")
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


def found(
    home: Path,
    manifest: str = "",
    pythons: tuple[Path, ...] = (),
    reporter: Reporter | None = None,
    **environ: str,
) -> IndexAddress:
    environ = {"XDG_CONFIG_DIRS": str(home / "system"), **environ}
    around = Surroundings(environ=environ, home=home, pythons=pythons, reporter=reporter or Reporter())
    return find_index(manifest, around)


def pip_conf(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_first_that_names_an_index_wins(home: Path) -> None:
    pip_conf(home / "system/pip/pip.conf", "[global]\nindex-url = https://system.example.com/simple\n")
    assert found(home).url == "https://system.example.com/simple/"
    pip_conf(home / ".config/pip/pip.conf", "[global]\nindex_url = https://user.example.com/simple\n")
    assert found(home).url == "https://user.example.com/simple/"
    pip_conf(home / ".config/pip/pip.conf", "[install]\nindex-url = https://install.example.com/simple\n")
    assert found(home).url == "https://install.example.com/simple/"
    variables = {"PIP_INDEX_URL": "https://pip.example.com/simple"}
    assert found(home, **variables).url == "https://pip.example.com/simple/"
    variables["PIPPER_INDEX_URL"] = "https://pipper.example.com/simple"
    assert found(home, **variables).url == "https://pipper.example.com/simple/"
    assert (
        found(home, "https://manifest.example.com/simple", **variables).url
        == "https://manifest.example.com/simple/"
    )


def test_a_file_that_pip_is_pointed_to_replaces_that_of_the_user(home: Path, tmp_path: Path) -> None:
    pip_conf(home / ".config/pip/pip.conf", "[global]\nindex-url = https://user.example.com/simple\n")
    pip_conf(
        tmp_path / "own.conf", "[global]\ncert = /certificates.pem\nindex-url = https://own.example.com\n"
    )
    address = found(home, PIP_CONFIG_FILE=str(tmp_path / "own.conf"))
    assert (address.url, address.ca_file) == ("https://own.example.com/", Path("/certificates.pem"))


def test_pip_with_no_index_at_all_is_believed(home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        found(home, PIP_NO_INDEX="1")
    assert "[index]" in caught.value.hint


def test_without_any_the_line_to_write_is_told(home: Path) -> None:
    with pytest.raises(UsageError) as caught:
        found(home, PIP_CONFIG_FILE="/dev/null", pythons=(home / "no-python",))
    assert 'url = "https://index.example.com/simple"' in caught.value.hint


def test_the_pip_of_an_interpreter_knows_an_index_by_itself(home: Path) -> None:
    address = found(home, pythons=(home / "no-python", Path(sys.executable)))
    assert address.url.startswith("https://")
    assert sys.executable in address.step


def test_several_indexes_are_told_and_one_is_used(home: Path) -> None:
    heard = Heard()
    variables = {"PIP_INDEX_URL": "https://a.example.com", "PIP_EXTRA_INDEX_URL": "https://b.example.com"}
    assert found(home, reporter=heard, **variables).url == "https://a.example.com/"
    assert any("extra-index-url" in text for text in heard.said)


@pytest.mark.parametrize("url", ["index.example.com/simple", "ftp://x/y", "https://", "https://[x"])
def test_what_is_no_address_is_refused_without_being_shown(home: Path, url: str) -> None:
    with pytest.raises(UsageError) as caught:
        found(home, PIP_INDEX_URL=url)
    assert url not in str(caught.value)


def test_an_account_in_the_address_is_taken_out_of_it(home: Path) -> None:
    address = found(home, PIP_INDEX_URL="https://me:se%40cret@a.example.com:8443/simple")
    assert address.url == "https://a.example.com:8443/simple/"
    assert "se" + "@cret" not in repr(address)
    who = Accounts(address, {}, home)
    assert who("https://a.example.com:8443") == Account(user="me", password="se@cret")
    assert who("https://a.example.com") is None
    assert "cret" not in repr(who)


def test_netrc_knows_who_asks(home: Path, tmp_path: Path) -> None:
    (home / ".netrc").write_text("machine a.example.com login me password secret\n")
    address = found(home, PIP_INDEX_URL="https://a.example.com/simple")
    assert Accounts(address, {}, home)("https://a.example.com") == Account(user="me", password="secret")
    assert Accounts(address, {}, home)("https://b.example.com") is None
    (tmp_path / "own").write_text("machine b.example.com login you password other\n")
    assert Accounts(address, {"NETRC": str(tmp_path / "own")}, home)("https://b.example.com") == Account(
        user="you", password="other"
    )


@pytest.mark.parametrize(
    ("url", "is_sent"),
    [
        ("https://a.example.com", "me"),
        ("http://a.example.com", ""),
        ("http://a.example.com:8080", ""),
        ("https://b.example.com", ""),
        ("http://127.0.0.1:8080", "here"),
    ],
)
def test_T10_netrc_goes_to_no_server_that_only_a_manifest_names_by_plain_http_or_by_default(
    url: str, is_sent: str, home: Path
) -> None:
    (home / ".netrc").write_text(
        "machine a.example.com login me password word\nmachine 127.0.0.1 login here password word\n"
        "default login anybody password word\n"
    )
    of_manifest = Accounts(found(home, f"{url}/simple"), {}, home)(url)
    assert (of_manifest.user if of_manifest else "") == is_sent
    of_user = Accounts(found(home, PIP_INDEX_URL=f"{url}/simple"), {}, home)(url)
    assert of_user is not None
    assert of_user.user == (is_sent or ("me" if "//a." in url else "anybody"))


@pytest.mark.parametrize(
    "text", ["machine a.example.com login me secret-word", "[global\nindex-url = secret-word"]
)
def test_a_broken_file_is_named_and_not_quoted(home: Path, text: str) -> None:
    (home / ".netrc").write_text(text)
    pip_conf(home / ".config/pip/pip.conf", text)
    with pytest.raises(UsageError) as caught:
        Accounts(found(home, "https://a.example.com"), {}, home)
    error = caught.value
    assert "secret-word" not in error.message + error.cause + error.hint
