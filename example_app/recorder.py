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
    """WSGI middleware that remembers the answers to requests with ``probe=…`` in their query.

    :param wsgi_app: what answers.
    """

    def __init__(self, wsgi_app: WSGIApplication) -> None:
        self._wsgi_app = wsgi_app
        self._answers: OrderedDict[str, list[dict[str, Any]]] = OrderedDict()

    def answers(self, probe: str) -> list[dict[str, Any]]:
        """Return what was answered to each request, the oldest first.

        That is its method and its ``Origin``, the answer's status (101 where the request became a
        WebSocket), and the answer's CORS headers.
        """
        return self._answers.get(probe, [])

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        probe = parse_qs(environ.get("QUERY_STRING", "")).get("probe")
        if not probe:
            return self._wsgi_app(environ, start_response)
        # eventlet answers the handshake of a WebSocket without start_response.
        answer = {
            "method": environ["REQUEST_METHOD"],
            "origin": environ.get("HTTP_ORIGIN"),
            "status": 101,
            "headers": {},
        }
        self._keep(probe[0][:100], answer)

        def noting(status: str, headers: list[tuple[str, str]], *rest: Any) -> Callable[..., Any]:
            answer["status"] = int(status[:3])
            answer["headers"] = {
                name: value
                for name, value in headers
                if name.lower().startswith("access-control-") or name.lower() == "vary"
            }
            return start_response(status, headers, *rest)

        return self._wsgi_app(environ, noting)

    def _keep(self, probe: str, answer: dict[str, Any]) -> None:
        answers = self._answers.setdefault(probe, [])
        if len(answers) < _ANSWERS:
            answers.append(answer)
        while len(self._answers) > _PROBES:
            self._answers.popitem(last=False)
