"""One decision with its headers, by this extension and by other libraries, timed with pyperf.

Run by `benchmarks.__main__`, once a round. Every list of origins ends with the one that asks. The
clock is the process's own, which stands still while other programs have the processor.
"""

import gc
import re
from collections.abc import Callable
from time import process_time
from typing import Any

import corsheaders.conf
import django.conf
import engineio
import pyperf
from corsheaders.middleware import CorsMiddleware
from django.http import HttpResponse
from django.test import RequestFactory
from flask import Flask
from flask_cors.core import get_cors_headers, get_cors_options
from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from werkzeug.datastructures import EnvironHeaders

from benchmarks.origins import KINDS, PREFLIGHT, STRANGER, asking, last_origin, listed
from flask_sio_cors.config.options import Options
from flask_sio_cors.door.journal import Journal
from flask_sio_cors.door.policies import Policies
from flask_sio_cors.door.policy import Policy
from flask_sio_cors.door.waiting import Interrupter

SIZES = (1, 100, 10_000, 1_000_000)
#: Some take seconds for a single decision among so many, so that they make one kind only.
MANY = 1_000_000
MIN_SECONDS = 0.01

Environ = dict[str, Any]
Decide = Callable[[Environ], object]
#: Takes ``name``, and what runs a number of decisions and returns their seconds.
Bench = Callable[[str, Callable[[int], float]], object]


def repeated(decide: Decide, environ: Environ) -> Callable[[int], float]:
    def seconds(loops: int) -> float:
        start = process_time()
        for _ in range(loops):
            decide(environ)
        return process_time() - start

    return seconds


def unseen(
    policy: Policy, forget: Callable[[], object], environ: Environ
) -> Callable[[int], float]:
    """Time decisions that are forgotten again, which is in the time too (0.03 µs)."""
    judge = policy.judge
    judge(environ)

    def seconds(loops: int) -> float:
        start = process_time()
        for _ in range(loops):
            forget()
            judge(environ)
        return process_time() - start

    return seconds


def bench_this_extension(bench: Bench, size: int) -> None:
    for kind in KINDS:
        policy = Policy(Options.from_config({"SIO_CORS_ORIGINS": listed(size, kind)}))
        gc.freeze()
        bench_policy(bench, f"{kind}/{size}", policy, last_origin(size, kind))


def bench_rules(bench: Bench) -> None:
    """Time what cannot be looked up: a regular expression and a function of the application."""
    regex = re.compile(r"https://(app0|pr-\d+)\.example\.com")
    policy = Policy(Options.from_config({"SIO_CORS_ORIGINS": [regex]}))
    bench_policy(bench, "regex/1", policy, "https://pr-12.example.com")
    policy = Policy(Options.from_config({"SIO_CORS_ORIGINS": lambda origin: origin != STRANGER}))
    bench("ours/allowed/callable/1", repeated(policy.judge, asking("https://app0.example.com")))
    bench("ours/refused/callable/1", repeated(policy.judge, asking(STRANGER)))


def bench_policies(bench: Bench, app: Flask, count: int) -> None:
    """Time the choice of a policy by the host, with its decision; and with a host that is new."""
    named = {
        f"t{n}": {"HOSTS": [f"t{n}.example.com"], "ORIGINS": [f"https://app{n}.example.com"]}
        for n in range(count)
    }
    options = Options.from_config({"SIO_CORS_POLICIES": named})
    policies = Policies(app, options, Journal(), Interrupter())
    gc.freeze()
    environ = asking("https://app0.example.com", HTTP_HOST="t0.example.com:443")

    def judge(environ: Environ) -> object:
        return policies.judge(environ, {})

    def choose(environ: Environ) -> object:
        return policies.for_host(environ["HTTP_HOST"])

    bench(f"ours/policies/{count}", repeated(judge, environ))
    bench(f"ours/unseen host/{count}", repeated(choose, environ))


def bench_policy(bench: Bench, what: str, policy: Policy, origin: str) -> None:
    actual, preflight = asking(origin), asking(origin, **PREFLIGHT)
    bench(f"ours/unseen/{what}", unseen(policy, policy._seen.popitem, actual))
    bench(f"ours/allowed/{what}", repeated(policy.judge, actual))
    bench(f"ours/refused/{what}", repeated(policy.judge, asking(STRANGER)))
    bench(f"ours/unseen preflight/{what}", unseen(policy, policy._seen_names.pop, preflight))
    bench(f"ours/preflight/{what}", repeated(policy.judge, preflight))


def bench_peers(bench: Bench, app: Flask, size: int) -> None:
    origins = listed(size)
    peers = {
        "Engine.IO": engineio_decides(origins),
        "Flask-CORS": flask_cors_decides(app, origins),
        "Starlette": starlette_decides(origins),
        "django-cors-headers": django_decides(origins),
    }
    gc.freeze()
    requests = {
        "allowed": asking(origins[-1]),
        "refused": asking(STRANGER),
        "preflight": asking(origins[-1], **PREFLIGHT),
    }
    if size >= MANY:
        requests = {"allowed": requests["allowed"]}
    for peer, decides in peers.items():
        for request, environ in requests.items():
            decide, prepared = decides(environ)
            bench(f"{peer}/{request}/exact/{size}", repeated(decide, prepared))


# Each takes the list, and returns what turns an environ into a function and its argument: what
# the library has at hand when it decides is prepared, not timed.


def engineio_decides(origins: list[str]) -> Callable[[Environ], tuple[Decide, Any]]:
    # It asks twice at each request; this is once.
    server = engineio.Server(async_mode="threading", cors_allowed_origins=origins)
    return lambda environ: (server._cors_headers, environ)


def flask_cors_decides(app: Flask, origins: list[str]) -> Callable[[Environ], tuple[Decide, Any]]:
    options = get_cors_options(app, {"origins": origins})

    def decides(environ: Environ) -> tuple[Decide, Any]:
        method = environ["REQUEST_METHOD"]
        headers = EnvironHeaders(environ)
        return lambda headers: get_cors_headers(options, headers, method), headers

    return decides


def starlette_decides(origins: list[str]) -> Callable[[Environ], tuple[Decide, Any]]:
    middleware = CORSMiddleware(lambda scope, receive, send: None, origins, allow_headers=["*"])

    async def sent(message: Any) -> None:
        pass

    def complete(headers: Headers) -> None:
        message = {"type": "http.response.start", "status": 200, "headers": []}
        coroutine = middleware.send(message, sent, headers)
        try:
            coroutine.send(None)
        except StopIteration:
            return

    def decides(environ: Environ) -> tuple[Decide, Any]:
        is_preflight = environ["REQUEST_METHOD"] == "OPTIONS"
        headers = Headers(dict(EnvironHeaders(environ)))
        return middleware.preflight_response if is_preflight else complete, headers

    return decides


def django_decides(origins: list[str]) -> Callable[[Environ], tuple[Decide, Any]]:
    middleware = CorsMiddleware(lambda request: HttpResponse())

    def decides(environ: Environ) -> tuple[Decide, Any]:
        corsheaders.conf.settings.CORS_ALLOWED_ORIGINS = origins
        request = RequestFactory().generic(environ["REQUEST_METHOD"], environ["PATH_INFO"])
        request.META.update(environ)
        response = HttpResponse()

        def decide(request: Any) -> None:
            middleware.check_preflight(request)
            middleware.add_response_headers(request, response)

        return decide, request

    return decides


def main() -> None:
    django.conf.settings.configure()
    runner = pyperf.Runner()
    runner.argparser.add_argument("path", help="where the measurements go, as pyperf's JSON")
    path = runner.parse_args().path
    found = []

    # pyperf would start a process for each of these and make its list of origins anew. As its
    # worker, this process measures them all, and so next to one another.
    def bench(name: str, seconds: Callable[[int], float]) -> None:
        loops = 1
        while seconds(loops) < MIN_SECONDS:
            loops *= 2
        found.append(runner.bench_time_func(name, lambda _: seconds(loops), inner_loops=loops))

    app = Flask(__name__)
    for size in SIZES:
        bench_this_extension(bench, size)
        bench_peers(bench, app, size)
    bench_rules(bench)
    for count in (1, 10_000):
        bench_policies(bench, app, count)
    pyperf.BenchmarkSuite(found).dump(path)


if __name__ == "__main__":
    main()
