"""The site of a repository as people see it, in Chromium; and in a real bucket, with many publishers at once."""

import itertools
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pipper.ops.repository.site import make_site
from tests.cli.test_repository_serve import served
from tests.cli.test_repository_site import HOSTILE, static
from tests.e2e.browser import HOW_TO_GET, Browser, browsing, program
from tests.invariants import Workspace
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf

pytestmark = pytest.mark.e2e

DARKEST, LIGHTEST = 60, 200
"""Brightness of colours, from 0 to 255: text and paper are on the two sides of these."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if program() is None:
        reason = f"Chromium is not installed ({HOW_TO_GET})"
        if os.environ.get("PIPPER_REQUIRE_E2E") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with browsing() as found:
        yield found


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A directory with a site: a package that is hostile, one that it requires, and twenty more."""
    made = Workspace(root=tmp_path_factory.mktemp("shop"))
    made.publish(
        made.wheel("alpha", "1.0.0", requires=["beta>=1"], metadata=HOSTILE),
        made.wheel("beta", "1.0.0", metadata="Summary: Paints pictures of numbers"),
        *(made.wheel(f"acme-{number}") for number in range(20)),
    )
    made.run("yank", "alpha:1.0.0", "--reason", "\"><script>alert('yanked')</script>", "-b", made.url)
    made.run("repository", "site", "-b", made.url)
    return made


@pytest.fixture
def page(browser: Browser) -> Browser:
    """The browser, with nothing noted, on a light screen of a desk."""
    browser.complaints.clear()
    browser.requests.clear()
    browser.resize(1280, 900)
    browser.scheme("light")
    return browser


def brightness(page: Browser, style: str) -> float:
    colour = page.evaluate(f"getComputedStyle(document.body).{style}")
    parts = [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
    return sum(parts) / 3


def require_quiet(page: Browser, url: str) -> None:
    """Nothing was complained about, and nothing was asked for elsewhere."""
    assert page.complaints == []
    origin = "/".join(url.split("/")[:3])
    assert {request for request in page.requests if not request.startswith(f"{origin}/")} == set()


def test_the_root_page_finds_packages_without_a_server(shop: Workspace, page: Browser) -> None:
    shown = "[...document.querySelectorAll('#packages > li')].filter(e => e.offsetHeight).length"
    with static(shop.repository) as url:
        page.open(url)
        assert page.evaluate(shown) == 22
        page.evaluate("document.getElementById('search').focus()")
        page.type("Acme_1")
        assert page.evaluate(shown) == 11  # acme-1 and acme-10 to acme-19
        assert page.evaluate("document.getElementById('found').textContent") == "11 of 22 packages"
        page.evaluate("document.getElementById('search').value = ''")
        page.type("numbers paints")  # words of the summary, in any order
        assert page.evaluate(shown) == 1
        assert page.evaluate("document.querySelector('label[for=search]').textContent") == "Search"
        require_quiet(page, url)


def test_hostile_names_descriptions_and_urls_do_nothing(shop: Workspace, page: Browser) -> None:
    with static(shop.repository) as url:
        page.open(f"{url}alpha/index.html")
        text = page.evaluate("document.body.innerText")
        assert "<img src=x onerror=alert(1)>" in text
        assert "yanked: \"><script>alert('yanked')</script>" in text
        assert page.evaluate("document.querySelectorAll('img, iframe, [onclick], [onerror]').length") == 0
        assert page.evaluate("document.scripts.length") == 1
        links = page.evaluate("[...document.links].map(each => each.protocol)")
        assert set(links) == {"http:", "https:"}
        page.evaluate("document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=alert(1)>')")
        assert page.evaluate("document.title") == "alpha"
        assert any("Content Security Policy" in each for each in page.complaints)  # the second wall


def test_the_pages_of_a_package_say_how_to_install_it_from_here(shop: Workspace, page: Browser) -> None:
    with static(shop.repository) as url:
        page.open(f"{url}beta/index.html")
        assert f"pip install --index-url {url} beta" in page.evaluate("document.body.innerText")
        assert page.evaluate("[...document.links].map(each => each.textContent)").count("alpha") == 2
        require_quiet(page, url)


@pytest.mark.parametrize("key", ["index.html", "alpha/index.html", "beta/index.html"])
def test_pages_are_readable_on_a_phone_dark_and_light(shop: Workspace, page: Browser, key: str) -> None:
    with static(shop.repository) as url:
        page.resize(360, 740, mobile=True)
        page.open(f"{url}{key}")
        assert page.evaluate("document.documentElement.scrollWidth") == 360
        assert brightness(page, "color") < DARKEST < LIGHTEST < brightness(page, "backgroundColor")
        page.scheme("dark")
        assert brightness(page, "backgroundColor") < DARKEST < LIGHTEST < brightness(page, "color")
        require_quiet(page, url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_graph_of_a_package_is_whole_on_a_phone_and_there_as_text(
    shop: Workspace, page: Browser, scheme: str
) -> None:
    outside = """[...document.querySelectorAll('svg path, svg circle, svg text')].filter(each => {
        const [part, all] = [each, each.ownerSVGElement].map(one => one.getBoundingClientRect());
        return part.left < all.left || part.right > all.right || part.top < all.top || part.bottom > all.bottom;
    }).length"""
    with static(shop.repository) as url:
        page.resize(360, 740, mobile=True)
        page.scheme(scheme)
        page.open(f"{url}alpha/index.html")
        assert page.evaluate("document.querySelectorAll('svg circle').length") == 2
        assert page.evaluate(outside) == 0
        paper = brightness(page, "backgroundColor")
        ink = page.evaluate("getComputedStyle(document.querySelector('svg a')).fill")
        assert abs(sum(map(int, ink[4:-1].split(","))) / 3 - paper) > LIGHTEST - DARKEST - 40
        page.evaluate("document.querySelector('#graph ~ details').open = true")
        assert "alpha requires beta" in page.evaluate("document.body.innerText")
        click = "document.querySelector('svg a').dispatchEvent(new MouseEvent('click'))"
        page.follow(click, f"{url}beta/index.html")
        require_quiet(page, url)


@pytest.mark.parametrize("key", ["index.html", "alpha/index.html"])
def test_pages_can_be_used_without_eyes(shop: Workspace, page: Browser, key: str) -> None:
    """A language, a title, one first heading, landmarks, names for all controls and links."""
    with static(shop.repository) as url:
        page.open(f"{url}{key}")
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.evaluate("document.title.length > 0")
        assert page.evaluate("document.querySelectorAll('h1').length") == 1
        assert page.evaluate("document.querySelectorAll('main').length") == 1
        assert page.evaluate("[...document.querySelectorAll('input')].every(each => each.labels.length)")
        assert page.evaluate("[...document.links].every(each => each.textContent.trim())")
        levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map(e => +e.tagName[1])")
        assert all(after - before <= 1 for before, after in itertools.pairwise(levels))


def test_a_served_repository_shows_the_same_pages(shop: Workspace, page: Browser) -> None:
    with served(shop, "-b", shop.url) as url:
        page.open(url)
        assert page.evaluate("document.querySelectorAll('#packages > li').length") == 22
        page.open(f"{url}beta/index.html")
        assert "Paints pictures of numbers" in page.evaluate("document.body.innerText")
        require_quiet(page, url)


@pytest.fixture
def shelf(ceph: S3Endpoint, tmp_path: Path) -> Shelf:
    """A bucket with what 0.11.1 wrote, and a site."""
    made = Shelf(root=tmp_path, server=ceph, bucket=ceph.fresh_bucket())
    made.fill_legacy()
    made.publish(made.wheel("alpha", "1.0.0"))
    assert make_site(made.settings).exit_code == 0
    return made


def test_many_publishers_of_a_real_bucket_leave_every_page_right(shelf: Shelf) -> None:
    def publish(number: int) -> None:
        shelf.publish(shelf.wheel(f"pkg-{number}", requires=["alpha"]))
        shelf.publish(shelf.wheel("alpha", f"1.0.{number + 1}"))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(publish, range(6)))
    assert shelf.kinds() == {}
    again = make_site(shelf.settings).change
    assert (again.written, again.errors) == ((), ())
    assert b"pkg-5" in shelf.body("alpha/index.html")


def test_the_pages_of_a_bucket_of_0_x_are_kept_by_yank_and_repair(shelf: Shelf) -> None:
    assert b"a bundle of pipper 0.x" in shelf.body("acme-base/index.html")
    shelf.repair(to_format_2=True)
    assert b"a bundle of pipper 0.x" not in shelf.body("acme-base/index.html")
    shelf.yank("alpha:1.0.0", reason="bad")
    assert b"yanked: bad" in shelf.body("alpha/index.html")
    assert shelf.kinds() == {}
