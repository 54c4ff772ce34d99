"""`make form`: builds the page of the console's form and serves it.

With --picture it takes the picture for the documentation; with --install it only installs the packages that tests need.
"""

from __future__ import annotations

import functools
import http.server
import sys
import tempfile
from pathlib import Path

import click

from cryostat_operator.api import constants, v1beta1
from tests.console.preview import Browser, element, install, missing, write_page

# The picture shows the most important fields.
_FILLED = (
    ("add", element("targetNamespaces")),
    ("choose", element("targetNamespaces[0]"), "my-app"),
    ("fill", element("networkOptions.coreConfig.externalHost"), "cryostat.example.com"),
    ("open", element("authorizationOptions")),
)


@click.command(help=__doc__)
@click.option("--version", type=click.Choice([constants.VERSION, v1beta1.VERSION]), default=constants.VERSION)
@click.option("--port", default=8000, show_default=True)
@click.option("--picture", type=click.Path(path_type=Path), help="Write this PNG and end.")
@click.option("--install", "only_install", is_flag=True, help="Bring the npm packages, where there is Node, and end.")
def main(version: str, port: int, picture: Path | None, only_install: bool) -> None:
    if only_install:
        _install()
        return
    lacking = [name for name in missing() if picture or name != "chromium"]
    if lacking:
        sys.exit(f"needed and not found: {', '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="console-form-") as directory:
        page = write_page(Path(directory), version)
        if picture:
            with Browser() as browser:
                browser.play(page, _FILLED, screenshot=picture)
        else:
            _serve(Path(directory), port)


def _install() -> None:
    if lacking := missing():
        click.echo(f"tests of the console's form are skipped: {', '.join(lacking)} not found", err=True)
    else:
        install()


def _serve(directory: Path, port: int) -> None:
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(directory))
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
        click.echo(f"The form: http://127.0.0.1:{server.server_port}/ (Ctrl-C ends it)")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo("Stopped.")


if __name__ == "__main__":
    main()
