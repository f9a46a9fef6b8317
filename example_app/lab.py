"""The CORS lab: every origin tries every way to connect, beside what the policy predicts.

The pages of the grid are real ones, each on its own origin; the browser decides, and the lab only
looks. The policy can be edited, by the lab's own page alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from flask import Blueprint, Flask, Response, abort, redirect, render_template, request
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response as AnyResponse

from flask_sio_cors import ConfigError
from flask_sio_cors.door.policies import Policies
from flask_sio_cors.door.policy import Policy, complete
from flask_sio_cors.door.verdicts import Outcome

from . import editor
from .addresses import TENANTS, Addresses
from .fetch_standard import Answer
from .plain import follow, source
from .recorder import Recorder
from .ways import POLLING, WAYS, Page, Prediction, Server, predict

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

# Policies to start from: name → settings, in the form's words.
_EXAMPLES: Final[Mapping[str, Mapping[str, str | bool]]] = {
    "The server's own origin only": {},
    "One origin, and the subdomains of another": {
        "ORIGINS": "{page}\n{subdomain_pattern}",
        "SUPPORTS_CREDENTIALS": True,
        "ALLOW_HEADERS": "my-custom-header",
    },
    "Any port of localhost, and no other header": {
        "ORIGINS": "http://localhost:*",
        "SUPPORTS_CREDENTIALS": True,
        "ALLOW_HEADERS": "x-requested-with",
    },
    "Without credentials": {"ORIGINS": "{page}\n{other_site}\nnull"},
    "A regular expression": {
        "ORIGINS": repr(re.compile(r"http://(localhost|127\.0\.0\.1):\d+")),
        "SUPPORTS_CREDENTIALS": True,
    },
    "Everybody: *": {"ORIGINS": "*"},
    "Everybody, reflected": {"ORIGINS": "true", "MAX_AGE": "600", "ALLOW_HEADERS": "*"},
}


#: The page that attacks both servers: of their site, so that the visitor's cookies come along.
ATTACKER: Final = "port"
#: What it tries, by the keys of `WAYS`.
ATTACKS: Final = ("websocket", "credentials", "jsonp", "no-cors")


class Row(NamedTuple):
    """A page of the grid.

    :param host: the origin that serves it.
    :param is_sandboxed: its origin is then ``null``, whoever serves it.
    :param site: its relation to the server, as ``Sec-Fetch-Site`` has it.
    """

    key: str
    title: str
    host: str
    site: str
    is_sandboxed: bool = False

    @property
    def origin(self) -> str:
        return "null" if self.is_sandboxed else self.host


def rows(addresses: Addresses) -> tuple[Row, ...]:
    """Return the pages of the grid."""
    return (
        Row("server", "The server itself", addresses.server, "same-origin"),
        Row("page", "The chat's page", addresses.page, "same-site"),
        Row("subdomain", "A subdomain", addresses.subdomain, "cross-site"),
        Row("port", "Another port", addresses.refused_page, "same-site"),
        Row("site", "Another site", addresses.other_site, "cross-site"),
        Row("null", "A sandboxed iframe", addresses.page, "cross-site", is_sandboxed=True),
    )


def examples(addresses: Addresses) -> dict[str, dict[str, str | bool]]:
    """Return the policies to start from, by their names, as the form has them."""
    return {
        name: {key: _fill(value, addresses) for key, value in form.items()}
        for name, form in _EXAMPLES.items()
    }


def environ_of(
    server_origin: str, method: str, query: str, headers: Mapping[str, str]
) -> WSGIEnvironment:
    """Make the WSGI environment of a request to the Socket.IO server."""
    return EnvironBuilder(
        "/socket.io/", server_origin, query, method=method, headers=list(headers.items())
    ).get_environ()


def ask_policy(policy: Policy, addresses: Addresses) -> Server:
    """Make the function that tells what the policy answers to a request."""

    def answer(method: str, query: str, headers: Mapping[str, str]) -> Answer:
        verdict = complete(policy.judge(environ_of(addresses.server, method, query, headers)))
        status = 200 if verdict.outcome is Outcome.ALLOWED else int(verdict.status[:3])
        return Answer(status, {name.lower(): value for name, value in verdict.headers})

    return answer


def predict_grid(
    policy: Policy, addresses: Addresses, *, fetch_metadata: bool, is_named: bool = False
) -> dict[str, dict[str, Prediction]]:
    """Predict every cell, by the keys of its row and of its way.

    :param fetch_metadata: whether the browser sends ``Sec-Fetch-Site``.
    :param is_named: as for `Page`.
    """
    server = ask_policy(policy, addresses)

    def predict_row(row: Row) -> Iterator[tuple[str, Prediction]]:
        site = row.site if fetch_metadata else ""
        page = Page(row.origin, addresses.server, site, is_named)
        for way in WAYS:
            yield way.key, predict(way, page, server)

    return {row.key: dict(predict_row(row)) for row in rows(addresses)}


def describe_attack(
    policy: Policy, config: Mapping[str, Any], addresses: Addresses
) -> dict[str, Any]:
    """Tell what a page that nobody listed tries at both servers, and what it may."""
    attacker = next(row for row in rows(addresses) if row.key == ATTACKER)
    verdict, _, _ = policy.judge(
        environ_of(addresses.server, "GET", POLLING, {"Origin": attacker.origin})
    )
    without = {"key": "plain", "url": addresses.plain, "source": source(config)}
    guarded = {"key": "guarded", "url": addresses.server, "source": "SocketIO(app); SioCors(app)"}
    return {
        "row": attacker.key,
        "ways": [way._asdict() for way in WAYS if way.key in ATTACKS],
        "servers": [without, guarded],
        "may_connect": verdict.outcome is Outcome.ALLOWED,
        "may_use_cookies": verdict.credentials,
    }


def describe_tenants(policies: Policies, addresses: Addresses) -> list[dict[str, Any]]:
    """Tell of each tenant's page at which tenants' hosts it gets in."""

    def may_connect(page: str, host: str) -> bool:
        policy = policies.named[host]
        server, headers = addresses.tenant_server(host), {"Origin": addresses.tenant_page(page)}
        verdict = policy.judge(environ_of(server, "GET", POLLING, headers))[0]
        return verdict.outcome is Outcome.ALLOWED

    return [
        {
            "key": tenant,
            "origin": addresses.tenant_page(tenant),
            "host": addresses.tenant_page(tenant),
            "server": addresses.tenant_server(tenant),
            "may_connect": {host: may_connect(tenant, host) for host in TENANTS},
        }
        for tenant in TENANTS
    ]


def probe_blueprint(addresses: Addresses) -> Blueprint:
    """Serve the page that tries to connect, from every origin of the grid."""
    blueprint = Blueprint("probe", __name__)

    @blueprint.get("/lab/probe")
    def probe() -> str:
        return render_template("probe.html", addresses=addresses)

    return blueprint


def lab_blueprint(chat: Flask, plain: Flask, recorder: Recorder, addresses: Addresses) -> Blueprint:
    """Serve the lab, and let its page read and change the chat server's policy.

    :param chat: whose configuration is edited.
    :param plain: the server without SioCors, which follows.
    :param recorder: in front of both.
    """
    blueprint = Blueprint("lab", __name__, url_prefix="/lab")
    cors = chat.extensions["sio_cors"]

    def describe() -> dict[str, Any]:
        predict = partial(
            predict_grid,
            cors.policy(chat),
            addresses,
            fetch_metadata="Sec-Fetch-Site" in request.headers,
        )
        return {
            "server": addresses.server,
            "form": editor.to_form(chat.config),
            "source": editor.to_source(chat.config),
            "rows": [{**row._asdict(), "origin": row.origin} for row in rows(addresses)],
            "ways": [way._asdict() for way in WAYS],
            "predictions": _as_json(predict()),
            # Which of the two applies to a no-cors request shows when the browser has made it.
            "predictions_if_named": _as_json(predict(is_named=True)),
            "attack": describe_attack(cors.policy(chat), chat.config, addresses),
            "tenants": describe_tenants(cors.policies(chat), addresses),
        }

    @blueprint.before_request
    def keep_to_one_origin() -> AnyResponse | None:
        if request.host_url == f"{addresses.page}/":
            return None
        return redirect(f"{addresses.page}{request.full_path.rstrip('?')}")

    @blueprint.get("")
    def lab() -> str:
        return render_template(
            "lab.html", addresses=addresses, fields=editor.FIELDS, examples=examples(addresses)
        )

    @blueprint.get("/grid")
    def grid() -> dict[str, Any]:
        return describe()

    @blueprint.post("/policy")
    def change_policy() -> dict[str, Any] | tuple[dict[str, Any], int]:
        # The host was compared above, so that a rebound name does not get here either.
        if request.headers.get("Origin") != addresses.page:
            abort(403)
        error = _reconfigure(chat, plain, request.get_json())
        return describe() if error is None else ({"problems": editor.to_marks(error)}, 422)

    @blueprint.get("/answers/<probe>")
    def answers(probe: str) -> list[dict[str, Any]]:
        return recorder.answers(probe)

    @blueprint.after_request
    def forbid_framing(response: Response) -> Response:
        # A page that lays the editor under its own buttons would have its visitors press them.
        response.headers["Content-Security-Policy"] = "frame-ancestors 'none'"
        return response

    return blueprint


def _reconfigure(chat: Flask, plain: Flask, form: dict[str, Any]) -> ConfigError | None:
    """Put the policy of a form in force; return what is wrong with it, and keep the old one."""
    before = {f.key: chat.config[f.key] for f in editor.FIELDS if f.key in chat.config}
    editor.replace_settings(chat.config, editor.to_config(form))
    try:
        chat.extensions["sio_cors"].reconfigure(chat)
    except ConfigError as error:
        editor.replace_settings(chat.config, before)
        return error
    follow(plain, chat.config)
    return None


def _as_json(predictions: Mapping[str, Mapping[str, Prediction]]) -> dict[str, Any]:
    return {
        row: {way: prediction._asdict() for way, prediction in cells.items()}
        for row, cells in predictions.items()
    }


def _fill(value: str | bool, addresses: Addresses) -> str | bool:
    if isinstance(value, bool):
        return value
    return value.format(
        page=addresses.page,
        subdomain_pattern=addresses.subdomain_pattern,
        other_site=addresses.other_site,
    )
