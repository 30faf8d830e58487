"""Tries one disturbance at one request of one command, and says what is wrong afterwards.

The command runs below a prefix of its own, through the proxy. Then its repository must hold everything that it held
before; no page may name what does not exist; a run that says it is done must be done; and the same command again,
undisturbed, must lead to the same repository as a run that was never disturbed.
"""

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.commands import clean_environment
from tests.faults.disturbances import Disturbance, Scene, of_request
from tests.faults.proxy import Forward, Outcome, Proxy, Request
from tests.faults.runner import Ended, Runner, kill
from tests.faults.worlds import WORLDS, Setting, plain
from tests.s3_endpoint import S3Endpoint
from tests.shelf import Shelf

MARKER = "pipper-repository.json"
_CODES = frozenset({2, 4, 5, 6, 7, -9})
"""How a disturbed command may end, beside 0."""
_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """An object of a repository."""

    body: bytes
    content_type: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Every key of a repository: with its etag, or, for a page, with what it says but for the times."""

    objects: Mapping[str, str]
    pages: Mapping[str, bytes]

    @property
    def facts(self) -> dict[str, str]:
        """What two runs have in common, by key."""
        return {**self.objects, **{key: plain(body) for key, body in self.pages.items()}}

    def named(self) -> set[str]:
        """Return the keys that pages name: wheels, METADATA, replaced wheels and bundles."""
        found = set()
        for key, body in self.pages.items():
            folder = key.rpartition("/")[0]
            try:
                page = json.loads(body)
            except ValueError:
                continue
            urls = [entry["url"] for entry in page["files"]]
            found |= {f"{folder}/{url}" for url in (*urls, *page["_pipper"].get("replaced", ()))}
            found |= {f"{folder}/{url}.metadata" for url in urls}
            found |= {entry["key"] for entry in page["_pipper"]["bundles"]}
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A request of the undisturbed command, and what happens to it."""

    world: str
    label: str
    disturbance: Disturbance

    def __str__(self) -> str:
        return f"{self.world}: {self.disturbance.name} at {self.label}"


@dataclass(slots=True, kw_only=True)
class World:
    """A repository, a command, and how an undisturbed run of it ends."""

    name: str
    setting: Setting
    before: Mapping[str, Held]
    start: State
    end: State
    requests: list[Request]
    between: dict[str, set[str]] = field(default_factory=dict)
    """What the undisturbed run wrote to each key, one after the other."""

    def points(self) -> list[Point]:
        """Return every disturbance of every request."""
        return [
            Point(world=self.name, label=request.label, disturbance=disturbance)
            for request in self.requests
            for disturbance in of_request(request)
        ]


class Bench:
    """Where points are tried, one at a time: a server, a proxy in front of it, and a process for the commands."""

    def __init__(self, server: S3Endpoint, proxy: Proxy, runner: Runner, bucket: str, root: Path) -> None:
        self.server = server
        self._proxy = proxy
        self._runner = runner
        self._bucket = bucket
        self._root = root
        self._environment = {
            **clean_environment(root),
            **proxy.endpoint.environment,
            "TMPDIR": str(root / "tmp"),
        }
        (root / "tmp").mkdir(parents=True, exist_ok=True)

    def _shelf(self, prefix: str) -> Shelf:
        return Shelf(root=self._root / "shelf", server=self.server, bucket=self._bucket, prefix=prefix)

    def world(self, name: str) -> World:
        """Make a world, and run its command undisturbed."""
        prefix = f"{name}-{next(_numbers)}"
        setting = WORLDS[name](self._shelf(prefix))
        before = {key: self._held(f"{prefix}/{key}") for key in self.look(prefix).facts}
        start = self.look(prefix)
        written: dict[str, set[str]] = {}

        def trace(request: Request, forward: Forward) -> Outcome:
            answer = forward()
            if request.method == "PUT" and answer.status == 200:
                written.setdefault(request.key, set()).add(
                    _fact(request.key, request.body, answer.header("etag"))
                )
            return answer

        self._proxy.watch(prefix, trace)
        ended = self.run(setting, prefix)
        assert ended.code == 0, ended.said
        requests = self._proxy.seen(prefix)
        end = self.look(prefix)
        shelf = self._shelf(prefix)
        mends = shelf.repair(days=3).mends
        assert mends == (), f"{mends} a repair finds something to do after the undisturbed command"
        assert shelf.kinds(days=3) == {}
        assert self.look(prefix).facts == end.facts
        return World(
            name=name,
            setting=setting,
            before=before,
            start=start,
            end=end,
            requests=requests,
            between=written,
        )

    def run(self, setting: Setting, prefix: str, began: Callable[[int], None] = lambda _: None) -> Ended:
        """Run the command of a world below a prefix."""
        arguments = [*map(str, setting.arguments), "-b", f"s3://{self._bucket}/{prefix}"]
        return self._runner.run(arguments, self._environment, days=setting.days, began=began)

    def try_point(self, world: World, point: Point) -> list[str]:
        """Disturb the command at one request, run it again, and return what is wrong."""
        prefix = f"{world.name}-{next(_numbers)}"
        self._fill(prefix, world.before)
        process: list[int] = []
        started = threading.Event()

        def began(child: int) -> None:
            process.append(child)
            started.set()

        def die() -> None:
            started.wait()
            kill(process[0])

        met = _Met(point, Scene(kill=die, older=world.setting.older))
        self._proxy.watch(prefix, met)
        first = self.run(world.setting, prefix, began)
        found = self.look(prefix)
        problems = [] if met.hits else ["the request did not come"]
        problems += _of_ending(first, point.disturbance)
        problems += _of_state(world, found)
        if first.code == 0 and point.disturbance.is_told and (unlike := _unlike(world, found)):
            problems.append(f"says that it is done, and is not: {unlike}")
        self._proxy.watch(prefix, lambda request, forward: forward())
        second = self.run(world.setting, prefix)
        if second.code != 0:
            problems.append(f"the second run ended with {second.code}: {second.said}")
        problems += self._of_end(world, prefix)
        return [f"{problem}\n{first.said}" for problem in problems[:1]] + problems[1:]

    def _of_end(self, world: World, prefix: str) -> Iterator[str]:
        found = self.look(prefix)
        if unlike := _unlike(world, found):
            yield f"the second run leads to another repository: {unlike}"
        left = found.facts.keys() - world.end.facts.keys()
        if not left:
            return
        shelf = self._shelf(prefix)
        listed = {finding.subject for finding in shelf.check(days=2).findings}
        if unlisted := left - listed:
            yield f"a check does not list {sorted(unlisted)}"
        shelf.repair(days=2)
        if self.look(prefix).facts != world.end.facts:
            yield f"a repair does not sweep {sorted(left)}"
        if kinds := shelf.kinds(days=2):
            yield f"a check after the repair finds {kinds}"

    def look(self, prefix: str) -> State:
        """Return what the server holds below a prefix."""
        client, objects = self.server.client, {}
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{prefix}/")
        for entry in (entry for page in pages for entry in page.get("Contents", ())):
            objects[entry["Key"].removeprefix(f"{prefix}/")] = entry["ETag"].strip('"')
        return State(
            objects=objects,
            pages={key: self._held(f"{prefix}/{key}").body for key in objects if key.endswith("/index.json")},
        )

    def _held(self, key: str) -> Held:
        found = self.server.client.get_object(Bucket=self._bucket, Key=key)
        with found["Body"] as body:
            return Held(body=body.read(), content_type=found["ContentType"], metadata=found["Metadata"])

    def _fill(self, prefix: str, objects: Mapping[str, Held]) -> None:
        for key, held in objects.items():
            self.server.client.put_object(
                Bucket=self._bucket,
                Key=f"{prefix}/{key}",
                Body=held.body,
                ContentType=held.content_type,
                Metadata=dict(held.metadata),
            )


class _Met:
    """Lets the disturbance of a point happen."""

    def __init__(self, point: Point, scene: Scene) -> None:
        self._point = point
        self._scene = scene
        self._lock = threading.Lock()
        self.hits = 0

    def __call__(self, request: Request, forward: Forward) -> Outcome:
        with self._lock:
            is_met = request.label == self._point.label or (self.hits > 0 and self._goes_on(request))
            self.hits += is_met
        return self._point.disturbance.meets(request, forward, self._scene) if is_met else forward()

    def _goes_on(self, request: Request) -> bool:
        match self._point.disturbance.scope:
            case "once":
                return False
            case "same":
                return request.kind == self._point.label.rpartition(" #")[0]
            case "all":
                return True


def _fact(key: str, body: bytes, etag: str) -> str:
    return plain(body) if key.endswith("/index.json") else etag.strip('"')


def _of_ending(ended: Ended, disturbance: Disturbance) -> Iterator[str]:
    if ended.code == -9 and not disturbance.name.startswith("kill"):
        yield "hangs"
    if ended.code not in _CODES | {0}:
        yield f"ended with {ended.code}"
    if "Traceback" in ended.said:
        yield "a traceback"
    if ended.code > 0 and "error: " not in ended.said:
        yield f"ended with {ended.code} and does not say why"


def _of_state(world: World, found: State) -> Iterator[str]:
    facts, start, end = found.facts, world.start.facts, world.end.facts
    for key in start.keys() | end.keys():
        known = {start.get(key), end.get(key)} | world.between.get(key, set())
        if facts.get(key) not in known:
            yield f"{key} is lost or torn: {facts.get(key)}"
    missing = found.named() - facts.keys()
    if dangling := missing - (world.start.named() - start.keys()):
        yield f"a page names what does not exist: {sorted(dangling)}"


def _unlike(world: World, found: State) -> list[str]:
    """Return the keys that are not as an undisturbed run leaves them; what it would not have left does not count."""
    facts, end = found.facts, world.end.facts
    return sorted(
        key
        for key in facts.keys() | end.keys()
        if facts.get(key) != end.get(key) and (key in end or key in found.named())
    )
