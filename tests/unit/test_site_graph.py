"""The graph of a package on its page: what it shows, what it leaves out, and which pages show a package."""

import re

import pytest
from packaging.utils import NormalizedName, canonicalize_name

from pipper.core.site.graph import graph_of, near_of
from pipper.core.site.graph_picture import graph_html
from pipper.core.site.listing import Listing
from tests.unit.test_site_pages import listing_of

FOO = canonicalize_name("foo")


def html(listing: Listing, name: NormalizedName = FOO) -> str:
    return "\n".join(graph_html(graph_of(name, listing)))


def test_two_steps_up_and_down_stand_from_the_dependants_to_the_dependencies() -> None:
    listing = listing_of(
        root="tool", tool="app", app="foo", other="foo", foo="lib", lib="base", base="deep", deep="", alone=""
    )
    graph = graph_of(FOO, listing)
    assert graph.names == ("tool", "app", "other", "foo", "lib", "base")
    assert graph.requires == {
        "app": ("foo",),
        "foo": ("lib",),
        "lib": ("base",),
        "other": ("foo",),
        "tool": ("app",),
    }


def test_what_the_repository_does_not_have_is_not_shown() -> None:
    assert not graph_of(FOO, listing_of(foo="numpy pandas", bar=""))
    assert html(listing_of(foo="numpy")) == ""


def test_circles_end_and_show_both_directions() -> None:
    graph = graph_of(FOO, listing_of(foo="bar", bar="foo baz", baz="baz foo"))
    assert graph.names == ("foo", "bar", "baz")
    assert set(graph.requires["bar"]) == {"foo", "baz"}


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (12, ""),
        (13, "Left out, because they are too many: 1 more package above."),
        (3000, "2,988 more packages above"),
    ],
)
def test_a_graph_that_is_too_large_says_what_it_leaves_out(count: int, said: str) -> None:
    many = {f"job-{number:04}": "foo" for number in range(count)}
    shown = html(listing_of(foo="", **many))
    assert said in shown
    assert ("Left out" in shown) == bool(said)
    assert shown.count("<circle") == 13
    assert len(shown) < 10_000


def test_a_dense_graph_of_a_stranger_stays_small() -> None:
    names = [f"x{number}" for number in range(200)]
    assert (
        len(html(listing_of(**{name: " ".join(names) for name in names}), canonicalize_name("x7"))) < 150_000
    )


def test_each_arc_is_said_as_text_and_each_name_is_a_link_within_the_site() -> None:
    name = "a" * 60
    shown = html(listing_of(foo=f"bar {name}", bar=name, **{name: ""}))
    assert shown.count('tip"') == 3
    text = re.sub("<[^>]*>", "", shown.partition("<details>")[2])
    assert f"foo requires bar, {name}" in text
    assert f"bar requires {name}" in text
    assert f"{name[:27]}…<title>{name}</title>" in shown
    assert set(re.findall('href="([^"]*)"', shown)) == {
        "../foo/index.html",
        "../bar/index.html",
        f"../{name}/index.html",
    }


def test_arcs_stay_within_the_picture() -> None:
    edges = {f"d{number}": f"e{number}" for number in range(12)}
    shown = html(listing_of(foo=" ".join(edges), **edges, **dict.fromkeys(edges.values(), "")))
    arcs = re.findall(r"M(\d+) \d+C(-?\d+) ", shown)
    assert len(arcs) == 12 + 8
    for start, reach in arcs:
        assert 0.25 * int(start) + 0.75 * int(reach) >= 0


def test_every_graph_that_shows_a_package_is_near_it() -> None:
    listing = listing_of(a="b", b="c d", c="d", d="e", e="", f="c", g="a")
    for name in listing.projects:
        shown_by = {each for each in listing.projects if name in graph_of(each, listing).names}
        assert shown_by <= near_of(name, listing)
