"""N6: indexes and proxies of many kinds; what ranges do not give, the whole file does."""

import os
from pathlib import Path

import pytest

from tests.index_servers import Server, all_servers, ask_pipper, running

_SAMPLE = [
    Server(ranges="501"),
    Server(page="html", ranges="403"),
    Server(page="html without hashes", ranges="416"),
    Server(page="json without sizes", metadata="metadata 501", ranges="501"),
    Server(page="json without hashes", metadata="metadata 403", ranges="multipart"),
    Server(page="html", ranges="206 without Content-Range"),
    Server(ranges="206 of another place"),
    Server(page="json without sizes", redirect="308 without ranges"),
    Server(page="json without sizes", redirect="two", ranges="501"),
    Server(page="html", redirect="page 301", ranges="ignored"),
]
_SERVERS = all_servers() if os.environ.get("PIPPER_INDEX_SERVERS") == "1" else _SAMPLE


@pytest.mark.parametrize("server", _SERVERS, ids=lambda server: server.name)
def test_N06_a_package_of_any_server_is_locked_and_installed(server: Server, tmp_path: Path) -> None:
    with running(server, tmp_path) as index:
        assert ask_pipper(index, tmp_path) == "installs"


def test_N06_a_server_that_refused_a_range_is_asked_for_none_again(tmp_path: Path) -> None:
    with running(Server(ranges="501"), tmp_path) as index:
        assert ask_pipper(index, tmp_path) == "installs"
        assert sum("range" in seen.headers for seen in index.seen) <= 2


def test_N06_a_file_that_cannot_be_read_in_any_way_is_told(tmp_path: Path) -> None:
    from tests.index_double import Fault

    with running(Server(ranges="403"), tmp_path) as index:
        index.script(Fault(path="/files/foo*", status=403, times=float("inf")))
        told = ask_pipper(index, tmp_path)
    assert "access denied" in told


def test_N06_there_are_at_least_sixty_kinds_of_servers() -> None:
    assert len(all_servers()) >= 60
    assert set(_SAMPLE) <= {*all_servers(), *_SAMPLE}
