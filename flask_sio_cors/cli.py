"""``flask sio-cors show``, ``explain`` and ``doctor``; the last is also ``sio-cors doctor``."""

from __future__ import annotations

import ast
import json
import shutil
import sys
from typing import Any
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import AppGroup

from . import inspection
from .origins import is_well_formed, parse_pattern
from .policy import Policy
from .spelling import correct

_CONTEXT = {"help_option_names": ["-h", "--help"]}

header_option = click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME",
    help="A header of extraHeaders; repeatable.",
)
credentials_option = click.option(
    "--with-credentials", is_flag=True, help="As a client with withCredentials: true."
)
json_option = click.option("--json", "as_json", is_flag=True, help="For machines.")


def _origin(text: str) -> str:
    """Return an origin as browsers spell it; the address of a page will do."""
    if parse_pattern(text) is not None and is_well_formed(text):
        return text
    misspelling = correct(text)
    try:
        mended = ast.literal_eval(misspelling.correction)
    except (SyntaxError, ValueError):
        mended = None
    if not isinstance(mended, str) or not _is_respelt(text, mended):
        raise click.BadParameter(
            f"{text!r} {misspelling.reason}. Write what the page's console answers to "
            "location.origin, such as https://app.example.com."
        )
    click.echo(f"Taken for {mended}, as browsers send it.", err=True)
    return mended


def _is_respelt(text: str, mended: str) -> bool:
    """Tell whether a correction names the same host, and is not an example."""
    host = urlsplit(mended).hostname or ""
    return is_well_formed(mended) and bool(host) and (host in text.lower() or "xn--" in host)


def _policy() -> Policy:
    cors = current_app.extensions.get("sio_cors")
    if cors is None:
        raise click.ClickException(
            "SioCors is not installed on this application. Add SioCors(app) below SocketIO(app)."
        )
    policy: Policy = cors.policy(current_app._get_current_object())  # type: ignore[attr-defined]
    return policy


flask_group = AppGroup(
    "sio-cors",
    help="Who may connect to the Socket.IO server, and why not.",
    context_settings=_CONTEXT,
)


@click.group("sio-cors", context_settings=_CONTEXT)
@click.version_option(package_name="Flask-SIO-CORS")
def main() -> None:
    """Explain what keeps a page from connecting to a Socket.IO server."""


@flask_group.command("show")
@json_option
def show(as_json: bool) -> None:
    """Show the policy in force: each setting, where it came from and what it means."""
    shown = inspection.describe(_policy(), current_app.config)
    click.echo(
        json.dumps(shown.as_json(), indent=2, ensure_ascii=False)
        if as_json
        else shown.as_text(_width())
    )


@flask_group.command("explain")
@click.argument("origin")
@click.option("--host", metavar="HOST", help="The server's, where it is not SERVER_NAME.")
@click.option("--method", default="GET", show_default=True, metavar="M", help="The page's.")
@header_option
@credentials_option
@click.option("--transport", type=click.Choice(["polling", "websocket"]), default="polling")
@json_option
def explain(
    origin: str,
    host: str | None,
    method: str,
    headers: tuple[str, ...],
    with_credentials: bool,
    transport: str,
    as_json: bool,
) -> None:
    """Tell what would happen to a page of ORIGIN, without a network.

    Exit status 0 if a browser lets it in, 1 if not.
    """
    asked = inspection.Question(
        _origin(origin), host, method.upper(), headers, with_credentials, transport
    )
    answer = inspection.answer(_policy(), current_app._get_current_object(), asked)  # type: ignore[attr-defined]
    click.echo(
        json.dumps(answer.as_json(), indent=2, ensure_ascii=False)
        if as_json
        else answer.as_text(_width())
    )
    sys.exit(0 if answer.allowed else 1)


@click.command("doctor", context_settings=_CONTEXT)
@click.argument("url")
@click.option("--origin", metavar="ORIGIN", help="Of the page; location.origin in its console.")
@credentials_option
@header_option
@click.option("--path", metavar="P", help="The client's option path.  [default: /socket.io/]")
@click.option("--method", metavar="M", help="Another method that the page sends to this path.")
@json_option
def doctor(
    url: str,
    origin: str | None,
    with_credentials: bool,
    headers: tuple[str, ...],
    path: str | None,
    method: str | None,
    as_json: bool,
) -> None:
    """Do to the Socket.IO server at URL what a browser does, and explain the result.

    URL is what io() is given on the page, or what the browser's console shows. At most 40 requests
    and 30 seconds. Exit status 0 if everything that a browser needs works, 1 if not.
    """
    if origin is None:
        raise click.UsageError(
            "Which page cannot connect? Add --origin ORIGIN; the page's console answers it to "
            "location.origin."
        )
    report = _examine(url, _origin(origin), with_credentials, headers, path, method)
    from .doctor import report as telling

    told = (
        json.dumps(telling.as_json(report), indent=2, ensure_ascii=False)
        if as_json
        else telling.as_text(report, _width())
    )
    click.echo(told)
    sys.exit(0 if report.works else 1)


def _examine(
    url: str,
    origin: str,
    with_credentials: bool,
    headers: tuple[str, ...],
    path: str | None,
    method: str | None,
) -> Any:
    try:
        from .doctor import examine
        from .doctor.exchange import Wire
        from .fetch import Page
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f'The doctor needs {error.name}. Run: pip install "Flask-SIO-CORS[doctor]"'
        ) from None
    page = Page(origin, with_credentials, tuple(_named(header) for header in headers))
    try:
        slashed = path if path is None or path.startswith("/") else f"/{path}"
        target = examine.Target.parse(url, origin, slashed)
    except examine.TargetError as error:
        raise click.UsageError(str(error)) from None
    with _Progress() as progress:
        wire = Wire(progress.tell)
        return examine.Examination(target, page, wire, method and method.upper()).run()


def _named(header: str) -> tuple[str, str]:
    name, _, value = header.partition(":")
    return name.strip(), value.strip() or "sio-cors-doctor"


class _Progress:
    """One line that says what is being asked; on a terminal only, and gone at the end."""

    def __enter__(self) -> _Progress:
        self._is_shown = sys.stderr.isatty()
        return self

    def tell(self, line: str) -> None:
        if self._is_shown:
            click.echo(f"\r\x1b[K{line[: _width() - 1]}", nl=False, err=True)

    def __exit__(self, *_: object) -> None:
        if self._is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)


def _width() -> int:
    return max(60, min(100, shutil.get_terminal_size((96, 24)).columns))


main.add_command(doctor)
flask_group.add_command(doctor)
