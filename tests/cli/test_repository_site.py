"""`pipper repository site`: static pages for people and for stock installers, kept up to date by publishers."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path

import pytest

from pipper.core.site.frame import inputs_of, is_own
from tests.cli.conftest import canary_server
from tests.installers import install_with_stock_tools
from tests.invariants import Workspace, tree
from tests.loopback import LoopbackServer, serving
from tests.s3_double import Answer, Rule

HOSTILE = """\
Summary: <img src=x onerror=alert(1)>
Author: </dd><script>alert(1)</script>
Project-URL: Docs, https://docs.example.com/alpha-99.0-py3-none-any.whl
Project-URL: Evil, javascript:alert(1)
Description-Content-Type: text/markdown

# Title

[a link](https://index.example.com/alpha-99.0-py3-none-any.whl) <a href="alpha-98.0-py3-none-any.whl">raw</a>
![picture](https://evil.example.com/x.png) [script](javascript:alert(1))

| left | right |
|:-----|------:|
| 1    | 2     |

<script>alert(1)</script><p onclick="alert(1)">text</p></article></main><h1>not mine</h1>
"""


class StaticHandler(SimpleHTTPRequestHandler):
    """The standard library's file server, without its log."""

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's own name
        """Log nothing."""


@contextmanager
def static(folder: Path) -> Iterator[str]:
    """The URL of a file server that knows nothing of packages."""
    server = LoopbackServer(partial(StaticHandler, directory=str(folder)))  # type: ignore[arg-type] # it makes handlers, as a class does
    with serving(server):
        yield f"{server.url}/"


@pytest.fixture
def shop(empty: Workspace) -> Workspace:
    """A directory with two packages and a site."""
    empty.publish(
        empty.wheel("alpha", "1.0.0", requires=["beta>=1"], metadata=HOSTILE), empty.wheel("beta", "1.0.0")
    )
    empty.run("repository", "site", "-b", empty.url)
    return empty


@pytest.fixture
def bucket_shop(tmp_path: Path) -> Iterator[Workspace]:
    """The same in a bucket."""
    with canary_server() as server:
        made = Workspace(root=tmp_path / "w", server=server, bucket=server.endpoint.fresh_bucket())
        made.publish(made.wheel("alpha", "1.0.0", requires=["beta>=1"]), made.wheel("beta", "1.0.0"))
        made.run("repository", "site", "-b", made.url)
        yield made


def objects(shop: Workspace) -> dict[str, object]:
    """Every object of the repository, without the notes of the directory about them."""
    return {key: found for key, found in tree(shop.repository).items() if not key.startswith(".pipper-store")}


def page_of(shop: Workspace, key: str) -> str:
    return (shop.repository / key).read_text(encoding="utf-8")


def differences(shop: Workspace) -> dict[str, str]:
    done = shop.run("repository", "check", "-b", shop.url, "--json", code=1)
    found = json.loads(done.stdout)["findings"]
    return {each["subject"]: each["kind"] for each in found if each["difference"]}


def require_current(shop: Workspace) -> None:
    shop.run("repository", "check", "-b", shop.url)
    again = json.loads(shop.run("repository", "site", "-b", shop.url, "--json").stdout)
    assert (again["written"], again["removed"], again["errors"]) == ([], [], [])


def test_stock_pip_and_uv_install_with_hashes_through_a_file_server(shop: Workspace) -> None:
    """The links of a README are no files, whatever they are called."""
    with static(shop.repository) as url:
        install_with_stock_tools(shop, url, "alpha==1.0.0", "beta==1.0.0")


def test_what_a_package_says_of_itself_is_text(shop: Workspace) -> None:
    page = page_of(shop, "alpha/index.html")
    for hostile in ("<img", "onerror=alert(1)>", "<p onclick", "alpha-98.0", 'href="javascript', "<h1>not"):
        assert hostile not in page, hostile
    assert page.count("<script") == 1
    assert [link.partition('"')[0] for link in page.split('<a href="')[1:]][-1] == "../beta/index.html"
    assert 'data-link="https://docs.example.com/alpha-99.0-py3-none-any.whl"' in page
    assert "<dd>javascript:alert(1)</dd>" in page


def test_a_page_tells_what_stands_in_the_repository(shop: Workspace) -> None:
    beta = page_of(shop, "beta/index.html")
    assert 'Required by</h2>\n<ul>\n<li><a href="../alpha/index.html">alpha</a>' in beta
    sha256 = json.loads((shop.repository / "beta/index.json").read_text())["files"][0]["hashes"]["sha256"]
    assert f"<code>sha256:{sha256}</code>" in beta
    root = page_of(shop, "index.html")
    assert '<li><a href="alpha/index.html">alpha</a> <small>1.0.0, uploaded ' in root
    assert "<br>&lt;img src=x onerror=alert(1)&gt;" in root
    assert [each["name"] for each in json.loads(page_of(shop, "index.json"))["projects"]] == ["alpha", "beta"]


def test_publish_writes_the_pages_that_show_a_change_and_no_other(shop: Workspace) -> None:
    shop.publish(shop.wheel("other"))
    before = objects(shop)
    shop.publish(shop.wheel("gamma", "1.0.0", requires=["beta"]))
    changed = {key for key, found in objects(shop).items() if before.get(key) != found}
    assert {key for key in changed if key.endswith("index.html")} == {
        "index.html",
        "gamma/index.html",
        "beta/index.html",  # it is required by gamma now
    }
    assert "gamma" in page_of(shop, "beta/index.html")
    require_current(shop)


def test_a_name_that_comes_later_becomes_a_link(shop: Workspace) -> None:
    shop.publish(shop.wheel("early", "1.0.0", requires=["late"]))
    assert "../late/index.html" not in page_of(shop, "early/index.html")
    shop.publish(shop.wheel("late"))
    assert "../late/index.html" in page_of(shop, "early/index.html")
    require_current(shop)


def test_the_graph_of_a_package_follows_what_is_two_steps_away(shop: Workspace) -> None:
    """A page is written again if its graph changed, and only then."""
    assert page_of(shop, "beta/index.html").count("<circle") == 2
    shop.publish(shop.wheel("top", requires=["alpha"]), shop.wheel("apart"))
    graph = page_of(shop, "beta/index.html").partition('<h2 id="graph">')[2]
    assert '<svg role="group" aria-label="Graph of beta"' in graph
    assert '<li><a href="../top/index.html">top</a> requires <a href="../alpha/index.html">alpha</a>' in graph
    assert "apart" not in graph
    assert "<svg" not in page_of(shop, "apart/index.html")
    require_current(shop)
    before = objects(shop)
    shop.publish(shop.wheel("top", "2.0.0", requires=["alpha"]))
    changed = {key for key, found in objects(shop).items() if before.get(key) != found}
    assert {key for key in changed if key.endswith("index.html")} == {"index.html", "top/index.html"}
    shop.publish(shop.wheel("top", "3.0.0", requires=["apart"]))
    assert ">top<" not in page_of(shop, "beta/index.html")
    assert ">top<" in page_of(shop, "apart/index.html").partition("<svg")[2]
    require_current(shop)


def test_what_a_killed_publisher_left_is_shown_by_the_next_one(shop: Workspace) -> None:
    kept = {key: page_of(shop, key) for key in ("index.html", "index.json", "beta/index.html")}
    shop.publish(shop.wheel("gamma", requires=["beta"]))
    for key, text in kept.items():
        (shop.repository / key).write_text(text, encoding="utf-8")
    (shop.repository / "gamma" / "index.html").unlink()
    shop.publish(shop.wheel("other"))
    assert "gamma" in page_of(shop, "index.html")
    require_current(shop)


def test_yank_prune_and_copy_keep_the_pages(shop: Workspace) -> None:
    shop.publish(shop.wheel("beta", "2.0.0"))
    shop.run("yank", "beta:2.0.0", "--reason", "<i>bad</i>", "-b", shop.url)
    assert "yanked: &lt;i&gt;bad&lt;/i&gt;" in page_of(shop, "beta/index.html")
    assert "<small>1.0.0, 2 versions" in page_of(shop, "index.html")
    require_current(shop)
    shop.run("repository", "prune", "beta:2.0.0", "-b", shop.url)
    assert "<h2>Removed</h2>" in page_of(shop, "beta/index.html")
    require_current(shop)
    elsewhere = (shop.root / "elsewhere").as_uri()
    shop.run("publish", shop.wheel("delta"), shop.wheel("beta", "3.0.0"), "-b", elsewhere)
    shop.run("repository", "copy", "--all", "--from", elsewhere, "--to", shop.repository.as_uri())
    assert "delta/index.html" in page_of(shop, "index.html")
    assert "beta-3.0.0-py3-none-any.whl" in page_of(shop, "beta/index.html")
    require_current(shop)


@pytest.mark.parametrize(
    ("key", "harm", "command"),
    [
        ("alpha/index.html", "gone", "site"),
        ("alpha/index.html", "changed", "repair"),
        ("index.html", "empty", "site"),
        ("index.html", "gone", "repair"),
        ("index.json", "changed", "site"),
        ("index.json", "empty", "repair"),
    ],
)
def test_check_finds_a_page_that_is_not_right_and_both_commands_mend_it(
    shop: Workspace, key: str, harm: str, command: str
) -> None:
    good = objects(shop)
    place = shop.repository / key
    text = place.read_text()
    place.unlink()
    if harm != "gone":
        place.write_text(text.replace("alpha", "omega") if harm == "changed" else "")
    harmed = objects(shop)
    assert differences(shop)[key] == "outdated site"
    shop.run("repository", command, "-b", shop.url, "--dry-run")
    assert objects(shop) == harmed
    shop.run("repository", command, "-b", shop.url)
    assert objects(shop) == good
    require_current(shop)


def test_a_page_of_a_project_that_is_no_more_is_removed(shop: Workspace) -> None:
    (shop.repository / "gone").mkdir()
    (shop.repository / "gone" / "index.html").write_text(page_of(shop, "beta/index.html"))
    assert differences(shop) == {"gone/index.html": "outdated site"}
    shop.run("repository", "site", "-b", shop.url)
    assert not (shop.repository / "gone" / "index.html").exists()
    require_current(shop)


def test_a_lost_marker_comes_back_with_the_site(shop: Workspace) -> None:
    (shop.repository / "pipper-repository.json").unlink()
    shop.run("repository", "repair", "-b", shop.url)
    shop.publish(shop.wheel("gamma"))
    assert "gamma" in page_of(shop, "index.html")
    require_current(shop)


def test_pages_of_another_program_are_not_overwritten(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    (empty.repository / "index.html").write_text("<h1>Welcome</h1>")
    before = objects(empty)
    done = empty.run("repository", "site", "-b", empty.url, code=7)
    assert "index.html is not a page that pipper wrote" in done.stderr
    assert objects(empty) == before
    notes = json.loads(empty.run("repository", "check", "-b", empty.url, "--json").stdout)["findings"]
    assert [(each["subject"], each["kind"]) for each in notes] == [("index.html", "strange object")]


def test_a_foreign_page_of_one_package_stays_and_the_others_are_made(shop: Workspace) -> None:
    foreign = shop.repository / "beta" / "index.html"
    foreign.write_text("<h1>Ours</h1>")
    shop.publish(shop.wheel("gamma", requires=["alpha"]))
    assert "gamma" in page_of(shop, "alpha/index.html")
    done = shop.run("repository", "site", "-b", shop.url, code=7)
    assert "beta/index.html is not a page that pipper wrote" in done.stderr
    shop.run("repository", "site", "--remove", "-b", shop.url)
    assert [path.read_text() for path in shop.repository.rglob("*.html")] == ["<h1>Ours</h1>"]


def test_a_site_that_is_removed_is_kept_no_longer(shop: Workspace) -> None:
    shop.run("repository", "site", "--remove", "-b", shop.url)
    shop.publish(shop.wheel("gamma"))
    assert not list(shop.repository.rglob("*.html"))
    assert not (shop.repository / "index.json").exists()
    shop.run("repository", "check", "-b", shop.url)


def test_readers_take_no_page_for_a_package(shop: Workspace) -> None:
    listed = shop.run("repository", "packages", "-b", shop.url).stdout
    assert [line.split()[0] for line in listed.splitlines()] == ["alpha", "beta"]
    shop.write_manifest("alpha")
    shop.run("lock")
    assert shop.locked() == {"alpha": "1.0.0", "beta": "1.0.0"}


def test_a_dry_run_names_the_pages_and_writes_none(empty: Workspace) -> None:
    empty.publish(empty.wheel("alpha"))
    before = objects(empty)
    done = empty.run("repository", "site", "--dry-run", "-b", empty.url)
    assert done.stdout.split() == [
        *("would", "write", "alpha/index.html"),
        *("would", "write", "index.html"),
        *("would", "write", "index.json"),
    ]
    assert objects(empty) == before


def test_no_repository_is_a_usage_error(empty: Workspace) -> None:
    done = empty.run("repository", "site", "-b", "file:../nothing", code=2)
    assert "is not a repository" in done.stderr


def test_the_same_pages_lie_in_a_bucket(bucket_shop: Workspace) -> None:
    assert bucket_shop.server
    store = bucket_shop.server.endpoint.store(bucket_shop.bucket, prefix="pipper")
    client = bucket_shop.server.endpoint.client
    for key, kind in (("index.html", "text/html; charset=utf-8"), ("index.json", "application/vnd.pypi")):
        found = client.head_object(Bucket=bucket_shop.bucket, Key=f"pipper/{key}")
        assert found["ContentType"].startswith(kind)
    assert is_own(store.read("alpha/index.html").body)
    assert inputs_of(store.read("alpha/index.html").body)
    bucket_shop.publish(bucket_shop.wheel("gamma", requires=["alpha"]))
    assert b"gamma" in store.read("alpha/index.html").body
    require_current(bucket_shop)


def test_what_is_published_stays_so_where_the_site_cannot_be_written(bucket_shop: Workspace) -> None:
    assert bucket_shop.server
    denied = Answer(status=403, code="AccessDenied")
    bucket_shop.server.script(Rule(operation="PutObject", key="*/index.html", fault=denied, times=2))
    wheel = bucket_shop.wheel("gamma")
    done = bucket_shop.run("publish", wheel, "-b", bucket_shop.url)
    assert "is out of date" in done.stderr
    assert "pipper repository site" in done.stderr
    assert differences(bucket_shop).keys() == {"gamma/index.html", "index.html"}
    bucket_shop.run("publish", wheel, "-b", bucket_shop.url)  # the same command again completes it
    require_current(bucket_shop)


def test_many_publishers_at_once_leave_every_page_right(shop: Workspace) -> None:
    wheels = [shop.wheel(f"pkg-{number}", requires=["alpha", "beta"]) for number in range(4)]
    wheels += [shop.wheel("beta", f"1.{number}") for number in range(1, 5)]
    began = [shop.begin("publish", wheel, "-b", shop.url) for wheel in wheels]
    outputs = [each.communicate(timeout=300) for each in began]
    assert [each.returncode for each in began] == [0] * len(began), outputs
    assert not any("out of date" in err for _, err in outputs), outputs
    require_current(shop)
