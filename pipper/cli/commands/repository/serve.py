"""`pipper repository serve`."""

from typing import Any

import click

from pipper.cli.command import Command
from pipper.cli.options.settings import repository_options, settings_from
from pipper.cli.output import flush, give
from pipper.ops.repository.serve import ServeRequest, serve


@click.command(
    "serve",
    cls=Command,
    short_help="Serve repositories to pip, uv and other tools.",
    epilog="""
Examples:
  pipper repository serve -r acme
  pipper repository serve --port 8080 -b s3://acme-packages
  pipper repository serve --redirect -b s3://acme-packages
""",
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="PORT", help="Default: any free one."
)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Listen on this address; others than loopback need a token.",
)
@click.option(
    "--token",
    envvar="PIPPER_SERVE_TOKEN",
    default="",
    metavar="TEXT",
    help="Ask clients for this password, as in http://x:TEXT@HOST:PORT/simple/.",
)
@click.option("--redirect", is_flag=True, help="Send clients to signed URLs instead of sending wheels.")
@repository_options
def serve_(port: int, host: str, token: str, redirect: bool, **shared: Any) -> None:
    """Serve repositories as a package index for pip, uv, Poetry, PDM, editors and update bots.

    Prints the URL of the index and runs until Ctrl-C. Requests are answered with pipper's credentials, so only this
    machine can ask. Of several repositories, the first that holds a name counts. Nothing is written.
    """
    request = ServeRequest(host=host, port=port, token=token, redirect=redirect)

    def ready(url: str) -> None:
        give(url)
        flush()

    serve(settings_from(shared), request, ready)
