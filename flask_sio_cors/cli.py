"""``flask sio-cors show`` and the like; ``doctor`` and ``audit``, also of ``sio-cors``."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO
from urllib.parse import urlsplit

import click
from flask import current_app
from flask.cli import AppGroup

from .advice import inspection
from .advice import observed as who
from .advice import show as showing
from .advice.question import Question
from .browser.fetch import (
    Header,
    Page,
    normalized_method,
)
from .browser.names import FORBIDDEN_METHODS, TOKEN, is_forbidden_header
from .browser.pages import sent_for
from .config.policies import DEFAULT, no_such_policy, some_of
from .config.problems import ConfigError
from .door.policies import Policies
from .door.policy import Policy
from .live.opening import open_place
from .live.shared import SharedOrigins
from .live.status import status_of
from .live.store import StoreError
from .origins.grammar import is_well_formed, parse_pattern
from .origins.sets import OriginSet
from .origins.spelling import correct

if TYPE_CHECKING:
    from flask import Flask

    from .doctor.target import Target

_CONTEXT = {"help_option_names": ["-h", "--help"]}
#: The exit status of what Ctrl-C ends, as shells have it.
_INTERRUPTED = 130
#: Seconds that ``origins status`` gives workers which are just taking something over.
STATUS_PATIENCE = 3.0


class NotAskedError(click.ClickException):
    """What keeps a command from its work; not to be taken for its answer."""

    exit_code = 2


# --- What is given -----------------------------------------------------------------------------


#: How browsers name a page in their consoles, and Engine.IO and this package in their logs.
_IN_A_MESSAGE: Final = re.compile(
    r"from origin '([^']+)' has been blocked|Origin (\S+) is not allowed by"
    r"|(\S+) is not an accepted origin|\bRefused \([a-z-]+\): .*?'([a-z][^' ]*://[^' ]*|null)'"
)


def _origin(text: str) -> str:
    """Return an origin as browsers spell it; the address of a page, or what refuses it, will do."""
    if quoted := _IN_A_MESSAGE.search(text):
        text = next(filter(None, quoted.groups()))
    pattern = parse_pattern(text)
    if pattern is not None and is_well_formed(text):
        return text
    if "*" in text or pattern is not None:
        raise click.BadParameter(f"{text!r} is a pattern. Write one of the origins that it means.")
    sent = sent_for(text)
    if sent is not None:
        click.echo(f"Taken for {sent.origin}: {sent.told}.", err=True)
        return sent.origin
    misspelling = correct(text)
    mended = misspelling.correction[0] if len(misspelling.correction) == 1 else ""
    if not _is_respelt(text, mended):
        raise click.BadParameter(
            f"{_shown(text)} {misspelling.reason}. Write what the page's console answers to "
            "location.origin, such as https://app.example.com."
        )
    program = ""
    if text.lower().startswith(("ws://", "wss://")):
        program = (
            f" A program that sends {_shown(text)} is refused: let it send that, or no Origin."
        )
    click.echo(f"Taken for {mended}, as browsers send it.{program}", err=True)
    return mended


def _page(text: str) -> str:
    """Return the origin of a page; ``file://`` is null, unless somebody has listed that."""
    origins = _policies().default.options.origins
    is_listed = isinstance(origins, OriginSet) and text in origins
    return _origin(text if text != "file://" or is_listed else "file:///")


def _is_respelt(text: str, mended: str) -> bool:
    """Tell whether a correction names the same host, and is not an example."""
    try:
        has_port = urlsplit(text if "://" in text else f"//{text}").port != 0
    except ValueError:
        return False
    host = urlsplit(mended).hostname or ""
    is_same = bool(host) and (host in text.lower() or "xn--" in host)
    return has_port and is_same and is_well_formed(mended)


_HOST = re.compile(r"((?:http|ws)s?://)?((?:[^\s/?#@:*\[\]\\]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?)/?")


def _server(host: str) -> tuple[str, bool]:
    """Return the origin of the server that ``--host`` names, and whether it names the scheme."""
    match = _HOST.fullmatch(host) if host.isprintable() else None
    scheme, name = match.groups() if match is not None else ("", "")
    is_known = bool(scheme)
    scheme = scheme or f"{current_app.config['PREFERRED_URL_SCHEME']}://"
    try:
        if name and urlsplit(f"//{name}").port != 0:  # which raises where it is none
            return _origin(re.sub("^ws", "http", scheme) + name), is_known
    except (ValueError, click.BadParameter):
        pass
    raise click.BadParameter(
        f"{_shown(host)} names no server. Write it like api.example.com, localhost:5000 or, where "
        "pages reach it by https:, https://api.example.com.",
        param_hint="'--host'",
    )


def _headers(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[Header, ...]:
    return tuple(map(_header, given))


def _header(given: str) -> Header:
    """Read ``NAME`` or ``NAME: VALUE`` of ``extraHeaders``, as far as a browser takes it."""
    name, _, value = given.partition(":")
    name, value = name.strip(), value.strip()
    if not TOKEN.fullmatch(name):
        raise click.BadParameter(
            f"{_shown(name)} is no name of a header: browsers throw an error. Write it like "
            "X-Token, or X-Token: value."
        )
    if is_forbidden_header(name):
        is_cookie = name.lower() == "cookie"
        raise click.BadParameter(
            f"{name} is a header that only the browser sets, and ignores in extraHeaders. Leave it "
            f"out{'; cookies come with --with-credentials' * is_cookie}."
        )
    if re.search("[^\x01-\x09\x0b\x0c\x0e-\xff]", value):
        raise click.BadParameter(
            f"The value of {name} holds a line break or a character beyond U+00FF: browsers throw "
            "an error."
        )
    return name, value or "sio-cors-doctor"


def _method(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    if given is None:
        return None
    method = normalized_method(given)
    if not TOKEN.fullmatch(method):
        raise click.BadParameter(f"{_shown(method)} is no method. Write it like PUT.")
    if method.upper() in FORBIDDEN_METHODS:
        raise click.BadParameter(f"{method} is a method that browsers forbid to every page.")
    if method != method.upper():
        raise click.BadParameter(
            f"browsers send {method} as it is, and compare letter by letter. Write "
            f"{method.upper()}, on the page too."
        )
    return method


def _path(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    if not given or given.startswith("/") or "://" in given:
        return given
    raise click.BadParameter(
        f"{_shown(given)} does not start with a slash. The client would ask for a host that ends "
        f"in it, and no page connects. Write {_shown(f'/{given}')}, in the client too."
    )


def _auth(_: click.Context, __: click.Parameter, given: str) -> str:
    """Return the client's option ``auth`` as the client sends it."""
    if not given:
        return ""
    try:
        content = json.loads(given)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise click.BadParameter(
            f'{_shown(given)} is no object in JSON. Write it like \'{{"token": "abc"}}\'.'
        )
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False)


_OLD_CLIENT = (
    "EIO=3: taken for socket.io-client 2, which asks with credentials unless it is told not to "
    "(--without-credentials)."
)


def _shown(text: str) -> str:
    return repr(text if len(text) <= 200 else f"{text[:199]}…")


# --- The commands ------------------------------------------------------------------------------

header_option = click.option(
    "--header",
    "headers",
    multiple=True,
    metavar="NAME[: VALUE]",
    callback=_headers,
    help="A header of the client's extraHeaders; repeatable.",
)
credentials_option = click.option(
    "--with-credentials", is_flag=True, help="As a client with withCredentials: true."
)
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print JSON; errors still go to stderr."
)


policy_option = click.option(
    "--policy",
    metavar="NAME",
    help="One of SIO_CORS_POLICIES, or default.  [default: that of --host]",
)


class _Commands(AppGroup):
    """Tells a broken configuration without a traceback, whichever command has loaded the app."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            told = str(error)
            if ctx.invoked_subcommand == "show" and error.written:
                told += f"\n\n{showing.describe_broken(error, _width())}"
            raise NotAskedError(told) from None
        except StoreError as error:
            raise NotAskedError(str(error)) from None


flask_group = _Commands(
    "sio-cors",
    help="Who may connect to the Socket.IO server, and why not.",
    context_settings=_CONTEXT,
)


@click.group("sio-cors", context_settings=_CONTEXT)
@click.version_option(package_name="Flask-SIO-CORS")
def main() -> None:
    """Explain what keeps a page from connecting to a Socket.IO server."""


def _app() -> Flask:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return app


def _policies() -> Policies:
    cors = current_app.extensions.get("sio_cors")
    if cors is None:
        raise NotAskedError(
            "SioCors is not installed on this application. Add SioCors(app) below SocketIO(app)."
        )
    policies: Policies = cors.policies(_app())
    return policies


def _policy_named(name: str | None) -> Policy | None:
    """Return the policy that ``--policy`` names, if it names one."""
    policies = _policies()
    known = {DEFAULT: policies.default, **policies.named}
    if name is None or name in known:
        return known.get(name or "")
    raise click.BadParameter(no_such_policy(name, policies.named), param_hint="'--policy'")


@flask_group.command("show", short_help="Each setting in force, its source and meaning.")
@policy_option
@json_option
def show(policy: str | None, as_json: bool) -> None:
    """Show the policy in force: each setting, where it came from and what it means.

    Exit status 0, or 2 if the application or its configuration is broken.
    """
    chosen = _policy_named(policy) or _policies().default
    shown = showing.describe(chosen, _app(), _shared_if_any(chosen.options.name))
    _print_json(shown.as_json()) if as_json else _print(shown.as_text(_width()))


@flask_group.command("explain", short_help="What becomes of a page, without a network.")
@click.argument("origin")
@click.option(
    "--host",
    metavar="HOST",
    help="The server as pages reach it, such as https://api.example.com.  [default: SERVER_NAME, "
    "the first of TRUSTED_HOSTS or localhost:5000]",
)
@click.option(
    "--method",
    default="GET",
    show_default=True,
    metavar="METHOD",
    callback=_method,
    help="The page's.",
)
@header_option
@credentials_option
@click.option(
    "--transport",
    type=click.Choice(["polling", "websocket"]),
    default="polling",
    show_default=True,
    help="With websocket, browsers send no extraHeaders and check no answer.",
)
@policy_option
@json_option
def explain(
    origin: str,
    host: str | None,
    method: str,
    headers: tuple[Header, ...],
    with_credentials: bool,
    transport: str,
    policy: str | None,
    as_json: bool,
) -> None:
    """Tell what would happen to a page of ORIGIN, without a network.

    ORIGIN may be the page's address, too, or the line of a log or of a console that names it.

    Exit status 0 if a browser lets it in, 1 if not, 2 if that could not be told.
    """
    if transport == "websocket" and method != "GET":
        raise click.UsageError(f"A WebSocket starts with GET, never with {method}.")
    server, is_scheme_known = (None, False) if host is None else _server(host)
    asked = Question(
        _page(origin), server, method, headers, with_credentials, transport, is_scheme_known
    )
    chosen = _policy_named(policy)
    answer = inspection.answer(_policies(), _app(), asked, chosen, _shared_and_read)
    _print_json(answer.as_json()) if as_json else _print(answer.as_text(_width()))
    sys.exit(0 if answer.allowed else 1)


def _entries(_: click.Context, __: click.Parameter, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return entries of ``SIO_CORS_ORIGINS``; an origin as browsers spell it."""
    return tuple(entry if parse_pattern(entry) is not None else _origin(entry) for entry in given)


@flask_group.command("observed", short_help="Who has asked while nothing was enforced.")
@click.option(
    "--allow",
    "allowed",
    multiple=True,
    metavar="ORIGIN",
    callback=_entries,
    help="An origin that is to get in, or a wildcard; repeatable. Prints the setting.",
)
@click.option(
    "--policy",
    metavar="NAME",
    help="The one of SIO_CORS_POLICIES that is to let them in.  [default: default]",
)
@json_option
def observed(allowed: tuple[str, ...], policy: str | None, as_json: bool) -> None:
    """Show who has asked while SIO_CORS_REPORT_ONLY was set, and how that would be judged.

    Exit status 0, or 2 if the application, or the setting that lets ORIGIN in, is broken.
    """
    chosen = _policy_named(policy) or _policies().default
    place = open_place(_policies().default.options.origins_store, _app())
    told = who.answer(_app(), chosen, place, allowed)
    _print_json(told.as_json()) if as_json else _print(told.as_text())


#: Where the invocation of a command has the policy that it is about.
_POLICY: Final = f"{__name__}.policy"


def _about(context: click.Context, _: click.Parameter, name: str | None) -> None:
    """Keep which policy is meant: it may stand before the command and behind it."""
    if name is not None:
        context.meta[_POLICY] = name


sharing_option = click.option(
    "--policy",
    metavar="NAME",
    callback=_about,
    expose_value=False,
    help="The one of SIO_CORS_POLICIES whose store is meant.  [default: default]",
)


@flask_group.group("origins", cls=_Commands, short_help="The list that all workers share.")
@sharing_option
def origins() -> None:
    """Read and write the origins in SIO_CORS_ORIGINS_STORE, in force in every worker."""


def _shared() -> SharedOrigins:
    name = click.get_current_context().meta.get(_POLICY)
    _policy_named(name)
    try:
        return _shared_by(name)
    except RuntimeError as error:
        raise NotAskedError(str(error)) from None


def _shared_by(policy: str | None) -> SharedOrigins:
    app = _app()
    shared: SharedOrigins = app.extensions["sio_cors"].shared_origins(app, policy)
    return shared


def _shared_if_any(policy: str) -> SharedOrigins | None:
    try:
        return _shared_by(policy)
    except RuntimeError:
        return None


def _shared_and_read(policy: str) -> SharedOrigins | None:
    """Return what a policy shares, in force here as its store has it, where that can be asked."""
    shared = _shared_if_any(policy)
    try:
        if shared is not None:
            shared.follower.read()
    except StoreError as error:
        click.echo(f"The origins that are shared are left out: {error}.", err=True)
    return shared


@origins.command("list")
@sharing_option
@json_option
def list_origins(as_json: bool) -> None:
    """Print the origins in the store, one a line."""
    shared = _shared()
    number, texts = shared.version, sorted(shared)
    if as_json:
        _print_json({"version": number, "origins": texts})
    elif texts:
        click.echo("\n".join(texts))


@origins.command("add")
@sharing_option
@click.argument("texts", nargs=-1, required=True, metavar="ORIGIN...")
def add_origins(texts: tuple[str, ...]) -> None:
    """Let pages of each ORIGIN in: exact ones, wildcards, networks."""
    shared = _shared()
    shared.add(*texts)
    _tell_version(shared)


@origins.command("remove")
@sharing_option
@click.argument("texts", nargs=-1, required=True, metavar="ORIGIN...")
def remove_origins(texts: tuple[str, ...]) -> None:
    """Let pages of each ORIGIN in no more, and end their sessions."""
    shared = _shared()
    there = set(shared)
    absent = [text for text in texts if shared.spelled(text) not in there]
    shared.remove(*texts)
    for text in absent:
        click.echo(f"{_shown(text)} was not there.", err=True)
    _tell_version(shared)


@origins.command("replace", short_help="Let the origins in FILE in, and no others.")
@sharing_option
@click.argument("file", type=click.File(encoding="utf-8"))
def replace_origins(file: TextIO) -> None:
    """Let the origins in FILE in, one a line, and no others of the store; - reads from a pipe.

    Empty lines and those that begin with # count for nothing. Where the store is older than what
    the workers know, this decides.
    """
    lines = (line.strip() for line in file)
    texts = [line for line in lines if line and not line.startswith("#")]
    shared = _shared()
    shared.replace(texts)
    _tell_version(shared)


@origins.command("restore", short_help="Decide what holds, where the store is older.")
@sharing_option
@click.option(
    "--from-store",
    is_flag=True,
    help="The workers take over what the store has.  [default: what they know is written into it]",
)
def restore_origins(from_store: bool) -> None:
    """Decide what holds, where the store is older than what the workers know.

    A store that was restored from a backup, or a replica that lagged when it was promoted, does
    not have the latest changes. The workers keep what they have, until this decides.
    """
    shared = _shared()
    shared.restore(from_store=from_store)
    _tell_version(shared)


@origins.command("status", short_help="Which workers have what the store has.")
@sharing_option
@click.option("--all", "of_all", is_flag=True, help="Of the stores of all policies.")
@json_option
def status_of_origins(of_all: bool, as_json: bool) -> None:
    """Show each worker that has reported lately, and which of them lag, since when and why.

    Exit status 0 if all have what the store has, 1 if one lags, 2 if the store cannot be asked.
    """
    if of_all:
        _tell_status_of_all(as_json)
        return
    status = status_of(_shared(), STATUS_PATIENCE)
    _print_json(status.as_json()) if as_json else _print(status.as_text(_width()))
    sys.exit(1 if status.lags else 0)


def _tell_status_of_all(as_json: bool) -> None:
    """Show it of each store; one that cannot be asked keeps no other one from being shown."""
    texts: list[str] = []
    stores: list[dict[str, Any]] = []
    exit_status = 0
    for shared in _every_shared():
        try:
            status = status_of(shared, STATUS_PATIENCE)
        except StoreError as error:
            told: dict[str, Any] = {"store": str(shared.follower.store), "error": str(error)}
            text, exit_status = f"Store    cannot be asked: {error}", 2
        else:
            told, text = status.as_json(), status.as_text(_width())
            exit_status = max(exit_status, int(status.lags))
        texts.append(f"Policy   {some_of(shared.policies)}\n{text}")
        stores.append({"policies": list(shared.policies), **told})
    if as_json:
        _print_json({"lags": exit_status > 0, "stores": stores})
    else:
        _print("\n\n".join(texts))
    sys.exit(exit_status)


def _every_shared() -> list[SharedOrigins]:
    """Return each list that some policies share, once."""
    if click.get_current_context().meta.get(_POLICY) is not None:
        raise click.UsageError("--all is of all policies: leave --policy out.")
    cors = _app().extensions["sio_cors"]
    every = [_shared_by(name) for name in cors.shared_states(_app())]
    return list({id(one): one for one in every}.values()) or [_shared()]


def _tell_version(shared: SharedOrigins) -> None:
    others = "" if shared.policies == (DEFAULT,) else f", for {some_of(shared.policies)}"
    click.echo(f"Version {shared.version} is written{others}.")


_url = click.argument("url")
_origin_option = click.option(
    "--origin",
    metavar="ORIGIN",
    help="Of the page, such as https://app.example.com: location.origin in its console.",
)
_path_option = click.option(
    "--path",
    metavar="PATH",
    callback=_path,
    help="The client's option path; a slash is added at its end, as the client does.  "
    "[default: /socket.io/]",
)
_slash_option = click.option(
    "--no-trailing-slash", is_flag=True, help="As a client with addTrailingSlash: false."
)
_verbose_option = click.option(
    "--verbose", is_flag=True, help="Tell all that was found, with what was asked and answered."
)


@click.command(
    "doctor",
    context_settings=_CONTEXT,
    short_help="Why a page cannot connect to a running server.",
)
@_url
@_origin_option
@click.option(
    "--with-credentials/--without-credentials",
    default=None,
    help="As a client with withCredentials: true, or false.  [default: without; with them where "
    "URL has EIO=3, of an old client, which asks with them]",
)
@header_option
@_path_option
@click.option(
    "--auth",
    default="",
    metavar="JSON",
    callback=_auth,
    help="The client's option auth, for connect handlers that ask for it.",
)
@_slash_option
@click.option(
    "--method",
    metavar="METHOD",
    callback=_method,
    help="Another method that the page sends to this path.",
)
@click.option(
    "--transport",
    "transports",
    multiple=True,
    type=click.Choice(["polling", "websocket"]),
    help="The client's option transports, where it names only one.  [default: both]",
)
@click.option(
    "--timeout",
    type=click.FloatRange(1, 25),
    default=20,
    show_default=True,
    metavar="SECONDS",
    help="How long the page waits for its connection, as the client's option timeout; up to 25.",
)
@click.option(
    "--watch",
    type=click.FloatRange(0, 25),
    default=5,
    show_default=True,
    metavar="SECONDS",
    help="How long a connection has to last, as a proxy may end it; up to 25.",
)
@_verbose_option
@json_option
def doctor(
    url: str,
    origin: str | None,
    with_credentials: bool | None,
    headers: tuple[Header, ...],
    path: str | None,
    auth: str,
    no_trailing_slash: bool,
    method: str | None,
    transports: tuple[str, ...],
    timeout: float,
    watch: float,
    verbose: bool,
    as_json: bool,
) -> None:
    """Do to the Socket.IO server at URL what a browser does, and explain the result.

    URL is what io() is given on the page, or what the browser's console shows, with EIO=4 (or 3,
    of an old client) in it; the path of that is taken as it is. At most 40 requests and 30 seconds.

    Exit status 0 if everything that a browser needs works, 1 if not, 2 if that could not be tried.
    """
    _require_extra()
    from .doctor import report as telling
    from .doctor.examine import Examination
    from .doctor.wire import Patience, Wire

    target, asker = _target(url, origin, path, not no_trailing_slash, auth)
    if with_credentials is None and target.protocol.is_old:
        with_credentials = True
        click.echo(_OLD_CLIENT, err=True)
    page = Page(asker, bool(with_credentials), headers)
    with _Progress() as progress:
        wire = Wire(progress.tell, patience=Patience.of(timeout))
        asked = transports or ("polling", "websocket")
        report = Examination(target, page, wire, method, watch, asked).run()
    told = telling.as_text(report, _doctors_width(), is_whole=verbose)
    _print_json(telling.as_json(report)) if as_json else _print(told)
    sys.exit(0 if report.works else 1)


@click.command(
    "audit", context_settings=_CONTEXT, short_help="Who else gets in at a running server."
)
@_url
@_origin_option
@_path_option
@_slash_option
@_verbose_option
@json_option
def audit(
    url: str,
    origin: str | None,
    path: str | None,
    no_trailing_slash: bool,
    verbose: bool,
    as_json: bool,
) -> None:
    """Tell who gets in at the Socket.IO server at URL besides the page of ORIGIN.

    It asks in the names of other sites, of look-alikes of ORIGIN, by WebSocket and as a script. At
    most 40 requests and 30 seconds.

    Exit status 0 if nobody else was let in, 1 if somebody was, 2 if that could not be told.
    """
    _require_extra()
    from .doctor import audit as auditing
    from .doctor import report as telling
    from .doctor.wire import Wire

    target, asker = _target(url, origin, path, not no_trailing_slash)
    with _Progress() as progress:
        report = auditing.audit(target, Page(asker), Wire(progress.tell))
    told = telling.audit_as_text(report, _doctors_width(), is_whole=verbose)
    _print_json(telling.audit_as_json(report)) if as_json else _print(told)
    sys.exit({True: 0, False: 1, None: 2}[report.is_closed])


def _require_extra() -> None:
    """Say what to install where the doctor lacks its libraries."""
    try:
        from .doctor import wire  # noqa: F401
    except ModuleNotFoundError as error:
        raise NotAskedError(
            f'The doctor needs {error.name}. Run: pip install "Flask-SIO-CORS[doctor]"'
        ) from None


def _target(
    url: str, origin: str | None, path: str | None, trailing_slash: bool, auth: str = ""
) -> tuple[Target, str]:
    """Return what the page's client connects to, and the page's origin."""
    from .doctor.target import Target, TargetError

    if origin is None:
        raise click.UsageError(
            "Which page cannot connect? Add --origin ORIGIN; the page's console answers it to "
            "location.origin."
        )
    asker = _origin(origin)
    if asker == "file://":
        asker = "null"
        click.echo("Taken for null, as browsers send it for files.", err=True)
    try:
        return Target.parse(url, asker, path, trailing_slash=trailing_slash, auth=auth), asker
    except TargetError as error:
        raise click.UsageError(str(error)) from None


for _command in (doctor, audit):
    main.add_command(_command)
    flask_group.add_command(_command)


# --- What is printed ---------------------------------------------------------------------------


def _print(text: str) -> None:
    """Print what is for people, in the characters and colours that they want and can see."""
    encoding = sys.stdout.encoding or "utf-8"
    readable = text.encode(encoding, "backslashreplace").decode(encoding)
    click.echo(readable, color=False if os.environ.get("NO_COLOR") else None)


def _print_json(content: dict[str, Any]) -> None:
    """Print what is for machines, which a terminal may show all the same."""
    is_unicode = (sys.stdout.encoding or "utf-8").lower().startswith("utf")

    def safe(c: str) -> str:
        is_shown = c == "\n" or (c.isprintable() and (is_unicode or c.isascii()))
        return c if is_shown else json.dumps(c)[1:-1]

    click.echo("".join(map(safe, json.dumps(content, indent=2, ensure_ascii=False))))


class _Progress:
    """One line that says what is being asked; on a terminal only, and gone at the end."""

    def __enter__(self) -> _Progress:
        self._is_shown = sys.stderr.isatty()
        return self

    def tell(self, line: str) -> None:
        if self._is_shown:
            click.echo(f"\r\x1b[K{line[: _columns() - 1]}", nl=False, err=True)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if self._is_shown:
            click.echo("\r\x1b[K", nl=False, err=True)
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            click.echo("Interrupted.", err=True)
            sys.exit(_INTERRUPTED)


def _columns() -> int:
    return shutil.get_terminal_size((80, 24)).columns


def _doctors_width() -> int:
    """Return the width of what the doctor prints, whose code fits 80 columns in any case."""
    return max(60, min(80, _columns()))


def _width() -> int:
    return max(60, min(100, _columns()))
