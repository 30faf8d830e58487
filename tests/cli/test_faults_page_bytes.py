"""A bit that flips in a page or the marker on its way here is never written back (B4)."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.faults.proxy import Forward, Outcome, Proxy, Request
from tests.invariants import Workspace
from tests.s3_double import S3Double

PAGE = "alpha/index.json"
MARKER = "pipper-repository.json"
PLACES = {
    "the first byte": rb"^(.)",
    "the last byte": rb"(.)$",
    "a version": rb'"versions":\["1\.(\d)',
    "a file name": rb'"filename":"al(.)ha-1\.0',
    "a hash": rb'"hashes":\{"sha256":"[0-9a-f]{40}([0-9a-f])',
    "a size": rb'"size":(\d)',
    "a time": rb'"upload-time":"20\d(\d)',
    "the hash of METADATA": rb'"core-metadata":\{"sha256":"[0-9a-f]{7}([0-9a-f])',
    "a mark": rb'"yanked":"(.)ad"',
    "a requirement": rb'"requires-dist":\["(.)eta',
    "the name of a field": rb'"(.)anked"',
    "a comma": rb'"(,)"',
}
"""Patterns of what the page of alpha says; the group is the byte."""


@pytest.fixture
def proxy(double: S3Double) -> Iterator[Proxy]:
    with Proxy(double.endpoint) as running:
        yield running


def flip(proxy: Proxy, pattern: bytes, *, times: float, key: str = PAGE) -> None:
    """Let a bit flip in so many answers with the page of alpha, or another object."""
    met = 0

    def meet(request: Request, forward: Forward) -> Outcome:
        nonlocal met
        answer = forward()
        if request.operation != "GET" or request.key != key or request.condition:
            return answer  # of one with a condition, only the ETag counts
        met += 1
        found = re.search(pattern, answer.body, re.DOTALL)
        assert found, answer.body
        at = found.start(1)
        body = answer.body[:at] + bytes([answer.body[at] ^ 1]) + answer.body[at + 1 :]
        return replace(answer, body=body) if met <= times else answer

    proxy.watch("pipper", meet)


def reads(proxy: Proxy) -> int:
    """How often the page was read; asking whether it is the same reads nothing."""
    return sum(
        seen.operation == "GET" and seen.key == PAGE and not seen.condition for seen in proxy.seen("pipper")
    )


@pytest.mark.parametrize("place", PLACES)
def test_B04_a_flipped_bit_in_a_page_is_never_written_back(
    place: str, remote: Workspace, double: S3Double, proxy: Proxy
) -> None:
    remote.run("yank", "alpha:1.0.0", "--reason", "bad", "-b", remote.url)
    before = entries(double, remote)
    through = {"AWS_ENDPOINT_URL_S3": proxy.endpoint.url}
    wheel = remote.wheel("alpha", "1.2.0")

    flip(proxy, PLACES[place], times=float("inf"))
    held = double.contents(remote.bucket)
    done = remote.run("publish", wheel, "-b", remote.url, env=through, code=6)
    remote.check_told(done, PAGE)
    assert "is damaged" in done.stderr
    assert reads(proxy) == 2, "once more, and no further"
    assert double.contents(remote.bucket) == held

    flip(proxy, PLACES[place], times=1)
    remote.run("publish", wheel, "-b", remote.url, env=through)
    assert reads(proxy) == 2
    after = entries(double, remote)
    assert after.pop(wheel.name)
    assert after == before

    flip(proxy, PLACES[place], times=1)
    remote.run("yank", "alpha:1.2.0", "-b", remote.url, env=through)
    after = entries(double, remote)
    assert after.pop(wheel.name)["yanked"] is True
    assert after == before


@pytest.mark.parametrize("pattern", [rb"(.)$", rb'"forma(.)"'])
def test_B04_a_repair_leaves_a_marker_alone_that_is_damaged_on_its_way_here(
    pattern: bytes, remote: Workspace, double: S3Double, proxy: Proxy
) -> None:
    held = double.contents(remote.bucket)
    flip(proxy, pattern, times=float("inf"), key=MARKER)
    through = {"AWS_ENDPOINT_URL_S3": proxy.endpoint.url}
    remote.run("repository", "repair", "-b", remote.url, env=through, code=6)
    assert double.contents(remote.bucket) == held


def entries(double: S3Double, remote: Workspace) -> dict[str, Any]:
    """What the stored page says of each file."""
    page = json.loads(double.body(remote.bucket, f"pipper/{PAGE}"))
    return {entry["filename"]: entry for entry in page["files"]}
