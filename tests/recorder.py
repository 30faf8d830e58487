"""A server on loopback that keeps every byte it is sent: what must not leave a machine must not arrive here."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.loopback import QuietHandler, served

_NOTHING = b"<Error><Code>NoSuchBucket</Code></Error>"


@dataclass(slots=True, kw_only=True)
class Recorder:
    """What arrived, and what is answered."""

    url: str = ""
    status: int = 404
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = _NOTHING
    """That there is no such bucket."""
    requests: list[str] = field(default_factory=list)
    """Each request as text: its line, its headers, its body."""

    @property
    def host(self) -> str:
        """`HOST:PORT`."""
        return self.url.removeprefix("http://")


@contextmanager
def recording() -> Iterator[Recorder]:
    """Run a recorder."""
    recorder = Recorder()

    class Handler(QuietHandler):
        def _record(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("latin-1")
            recorder.requests.append(f"{self.requestline}\n{self.headers}\n{body}")
            self.send_response(recorder.status)
            for name, value in recorder.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(recorder.body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(recorder.body)

        do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _record  # noqa: N815 - the base class's names

    with served(Handler) as server:
        recorder.url = server.url
        yield recorder
