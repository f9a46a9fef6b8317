"""What the server really answered, for the lab to show beside what the browser made of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

#: How many probes are remembered, and how many answers of each.
_PROBES: Final = 1000
_ANSWERS: Final = 12


class Recorder:
    """Remembers what servers answer to requests with ``probe=…`` in their query."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()

    def answers(self, probe: str) -> list[dict[str, Any]]:
        """Return what was answered to each request, the oldest first.

        That is its method and its ``Origin``, the answer's status (101 where the request became a
        WebSocket), and the answer's CORS headers.
        """
        return self._answers.get(probe, [])

    def watch(self, wsgi_app: WSGIApplication) -> WSGIApplication:
        """Return what answers as `wsgi_app` does, and is remembered."""

        def watched(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            probe = parse_qs(environ.get("QUERY_STRING", "")).get("probe")
            if probe:
                start_response = self._noting(probe[0][:100], environ, start_response)
            return wsgi_app(environ, start_response)

        return watched

    def _noting(
        self, probe: str, environ: WSGIEnvironment, start_response: StartResponse
    ) -> StartResponse:
        # eventlet answers the handshake of a WebSocket without start_response.
        answer = {
            "method": environ["REQUEST_METHOD"],
            "origin": environ.get("HTTP_ORIGIN"),
            "status": 101,
            "headers": {},
        }
        self._keep(probe, answer)

        def noting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[..., Any]:
            answer["status"] = int(status[:3])
            answer["headers"] = {
                name: value
                for name, value in headers
                if name.lower().startswith("access-control-") or name.lower() == "vary"
            }
            return start_response(status, headers, *rest)

        return noting

    def _keep(self, probe: str, answer: dict[str, Any]) -> None:
        answers = self._answers.setdefault(probe, [])
        if len(answers) < _ANSWERS:
            answers.append(answer)
        while len(self._answers) > _PROBES:
            self._answers.popitem(last=False)
