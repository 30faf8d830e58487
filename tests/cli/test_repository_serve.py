"""`pipper repository serve`: stock clients install from private repositories, and nobody else can read them."""

import base64
import http.client
import json
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from pipper.core.layout.simple_pages import JSON_TYPE, prefers_json
from pipper.core.site.frame import POLICY
from tests.installers import install_with_stock_tools
from tests.invariants import Workspace
from tests.s3_double import Answer, BrokenBody, Rule, S3Double

TOKEN = "a-token-of-many-characters"


@contextmanager
def served(
    workspace: Workspace, *args: str, env: dict[str, str] | None = None, told: list[str] | None = None
) -> Iterator[str]:
    """The URL of the index, while the command runs; it ends cleanly by an interrupt, and `told` gets its stderr."""
    process = workspace.begin("repository", "serve", *args, env=env)
    assert process.stdout
    url = process.stdout.readline().strip()
    assert url, process.stderr and process.stderr.read()
    yield url
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "Traceback" not in err
    assert "bug in pipper" not in err, err
    assert process.returncode == 0, err
    if told is not None:
        told.append(err)


def ask(
    url: str, path: str, *, method: str = "GET", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    try:
        connection.request(method, path, headers=headers or {})
        response = connection.getresponse()
        return (
            response.status,
            {name.lower(): value for name, value in response.getheaders()},
            response.read(),
        )
    finally:
        connection.close()


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    empty.publish(empty.wheel("alpha", "1.0.0", requires=["beta>=1"]), empty.wheel("beta", "1.0.0"))
    return empty


def test_stock_pip_and_uv_install_with_hashes(shop: Workspace) -> None:
    with served(shop, "-b", shop.url) as url:
        install_with_stock_tools(shop, url, "alpha==1.0.0", "beta==1.0.0")


def test_pages_files_and_metadata_are_given_and_nothing_else(shop: Workspace) -> None:
    shop.run("yank", "beta:1.0.0", "--reason", "<b>bad</b>", "-b", shop.url)
    with served(shop, "-b", shop.url) as url:
        status, headers, body = ask(url, "/simple/", headers={"Accept": JSON_TYPE})
        assert (status, headers["content-type"]) == (200, JSON_TYPE)
        assert json.loads(body)["projects"] == [{"name": "alpha"}, {"name": "beta"}]
        status, headers, body = ask(url, "/simple/beta/")
        assert headers["content-type"].startswith("text/html")
        assert b'data-yanked="&lt;b&gt;bad&lt;/b&gt;"' in body
        assert headers["content-security-policy"] == f"{POLICY}; frame-ancestors 'none'"
        page = json.loads(ask(url, "/simple/alpha/", headers={"Accept": JSON_TYPE})[2])
        (file,) = page["files"]
        place = "/" + file["url"].removeprefix("../../")
        wheel = next((shop.root / "wheels").glob("alpha*")).read_bytes()
        assert ask(url, place)[2] == wheel
        assert ask(url, place, method="HEAD")[1]["content-length"] == str(len(wheel))
        assert b"Requires-Dist: beta>=1" in ask(url, place + ".metadata")[2]
        assert ask(url, "/simple/Alpha")[1]["location"] == "/simple/alpha/"
        for path in (
            "/simple/nope/",
            "/files/default/alpha/index.json",
            "/files/default/../../etc/passwd",
            "/files/default/alpha/..%2f..%2f/x",
            "/files/other" + place.removeprefix("/files/default"),
            "/files/default/alpha/0123456789abcdef/alpha-1.0.0-py3-none-any.whl",
            "/pipper-repository.json",
            "/" + "x/" * 50,
        ):
            assert ask(url, path)[0] == 404, path
        for method in ("POST", "PUT", "DELETE", "PATCH"):
            assert ask(url, place, method=method)[0] == 405


@pytest.mark.parametrize(
    "host", ["evil.example.com", "evil.example.com:PORT", "127.0.0.1", "127.0.0.1:1", ""]
)
def test_a_foreign_host_header_is_refused(host: str, shop: Workspace) -> None:
    with served(shop, "-b", shop.url) as url:
        port = str(urlsplit(url).port)
        assert ask(url, "/simple/", headers={"Host": host.replace("PORT", port)})[0] == 421
        assert ask(url, "/simple/", headers={"Host": f"localhost:{port}"})[0] == 200


def test_a_token_is_asked_for_where_one_is_set(shop: Workspace) -> None:
    with served(shop, "-b", shop.url, env={"PIPPER_SERVE_TOKEN": TOKEN}) as url:
        status, headers, _ = ask(url, "/simple/")
        assert (status, headers["www-authenticate"]) == (401, 'Basic realm="pipper"')
        for value, expected in ((f"x:{TOKEN}", 200), ("x:wrong", 401), (TOKEN, 401)):
            given = base64.b64encode(value.encode()).decode()
            assert ask(url, "/simple/", headers={"Authorization": f"Basic {given}"})[0] == expected
        assert ask(url, "/simple/", headers={"Authorization": f"Bearer {TOKEN}"})[0] == 200
        assert ask(url, "/simple/", headers={"Authorization": "Basic %%%"})[0] == 401


@pytest.mark.parametrize("more", [(), ("--token", "short")])
def test_other_addresses_than_loopback_need_a_token(more: tuple[str, ...], shop: Workspace) -> None:
    args = ("repository", "serve", "--host", "0.0.0.0", *more, "-b", shop.url)
    done = shop.refused(*args, code=2, subject="0.0.0.0")
    assert "--token" in done.stderr


def test_what_cannot_be_served_is_refused(shop: Workspace) -> None:
    shop.refused("repository", "serve", "--redirect", "-b", shop.url, code=2, subject="no signed URLs")
    nothing = (shop.root / "nothing").as_uri()
    shop.refused("repository", "serve", "-b", nothing, code=2, subject="is not a repository")


def test_a_port_that_is_taken_is_told(shop: Workspace) -> None:
    with served(shop, "-b", shop.url) as url:
        port = str(urlsplit(url).port)
        done = shop.run("repository", "serve", "--port", port, "-b", shop.url, code=8)
        assert "--port" in done.stderr


def test_the_first_repository_that_holds_a_name_counts(shop: Workspace) -> None:
    other = shop.root / "other"
    shop.run("publish", shop.wheel("alpha", "9.0.0"), shop.wheel("gamma"), "-b", other.as_uri())
    shop.app.mkdir(parents=True, exist_ok=True)
    shop.manifest.write_text(f"[repositories]\nacme = '{shop.url}'\nother = '{other.as_uri()}'\n")
    with served(shop) as url:
        page = json.loads(ask(url, "/simple/alpha/", headers={"Accept": JSON_TYPE})[2])
        assert page["versions"] == ["1.0.0"]
        names = json.loads(ask(url, "/simple/", headers={"Accept": JSON_TYPE})[2])["projects"]
        assert [each["name"] for each in names] == ["alpha", "beta", "gamma"]


def test_what_is_published_meanwhile_is_served(shop: Workspace) -> None:
    with served(shop, "-b", shop.url) as url:
        ask(url, "/simple/alpha/")
        shop.publish(shop.wheel("alpha", "2.0.0"))
        page = json.loads(ask(url, "/simple/alpha/", headers={"Accept": JSON_TYPE})[2])
        assert page["versions"] == ["1.0.0", "2.0.0"]


def test_a_refusal_or_a_failure_of_the_bucket_is_never_an_absent_project(
    remote: Workspace, double: S3Double
) -> None:
    with served(remote, "-b", remote.url) as url:
        for status, expected in ((403, 403), (500, 502)):
            double.forget()
            fault = Answer(status=status, code="AccessDenied" if status == 403 else "InternalError")
            double.script(Rule(operation="GetObject", fault=fault, times=float("inf")))
            assert ask(url, "/simple/alpha/")[0] == expected


def place_of_wheel(url: str, name: str) -> str:
    page = json.loads(ask(url, f"/simple/{name}/", headers={"Accept": JSON_TYPE})[2])
    return "/" + str(page["files"][0]["url"]).removeprefix("../../")


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (Answer(status=403, code="InvalidObjectState"), 403),
        (Answer(status=500, code="InternalError"), 502),
        (Answer(status=404, code="NoSuchKey"), 404),
    ],
)
def test_a_wheel_whose_size_is_told_and_whose_bytes_are_not_is_answered_as_a_page_is(
    fault: Answer, expected: int, remote: Workspace, double: S3Double
) -> None:
    with served(remote, "-b", remote.url) as url:
        place = place_of_wheel(url, "beta")
        double.script(Rule(operation="GetObject", key="*.whl", fault=fault, times=float("inf")))
        assert ask(url, place)[0] == expected
        double.forget()
        assert ask(url, place)[0] == 200


def test_a_wheel_that_breaks_off_ends_the_connection_and_the_store_is_named(
    remote: Workspace, double: S3Double
) -> None:
    told: list[str] = []
    with served(remote, "-b", remote.url, told=told) as url:
        place = place_of_wheel(url, "beta")
        double.script(Rule(operation="GetObject", key="*.whl", fault=BrokenBody(sent=100)))
        with pytest.raises(http.client.IncompleteRead):
            ask(url, place)
    assert f"{place}: cannot read s3://{remote.bucket}" in told[0]


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_wheel_of_a_directory_that_may_not_be_read_is_answered_as_a_failure(shop: Workspace) -> None:
    (wheel,) = shop.repository.glob("beta/*/*.whl")
    with served(shop, "-b", shop.url) as url:
        wheel.chmod(0)
        assert ask(url, place_of_wheel(url, "beta"))[0] == 502


def test_redirects_lead_to_signed_urls_and_no_secret_is_told(remote: Workspace, double: S3Double) -> None:
    with served(remote, "--redirect", "-v", "-b", remote.url) as url:
        page = json.loads(ask(url, "/simple/beta/", headers={"Accept": JSON_TYPE})[2])
        place = "/" + page["files"][0]["url"].removeprefix("../../")
        status, headers, body = ask(url, place)
        assert (status, body) == (302, b"")
        assert "X-Amz-Signature=" in headers["location"]
        signed = urlsplit(headers["location"])
        assert ask(headers["location"], f"{signed.path}?{signed.query}")[0] == 200


def test_fifty_clients_at_once_get_all_they_ask_for(shop: Workspace) -> None:
    with served(shop, "-b", shop.url) as url:
        page = json.loads(ask(url, "/simple/alpha/", headers={"Accept": JSON_TYPE})[2])
        place = "/" + page["files"][0]["url"].removeprefix("../../")
        ready = threading.Barrier(50)

        def client(_: int) -> set[int]:
            ready.wait()
            return {ask(url, path)[0] for path in ("/simple/", "/simple/alpha/", place) * 4}

        with ThreadPoolExecutor(50) as pool:
            assert set().union(*pool.map(client, range(50))) == {200}


@pytest.mark.parametrize(
    ("accept", "as_json"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        (JSON_TYPE, True),
        (f"{JSON_TYPE}, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01", True),
        (f"{JSON_TYPE};q=0.1, text/html", False),
        (f"{JSON_TYPE};q=0", False),
        (f"{JSON_TYPE};q=x", False),
        ("application/vnd.pypi.simple.latest+json", True),
    ],
)
def test_the_form_that_a_client_prefers_is_sent(accept: str, as_json: bool) -> None:
    assert prefers_json(accept) is as_json
