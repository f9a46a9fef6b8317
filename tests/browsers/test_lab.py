"""The CORS lab: its predictions as functions, its editor over HTTP, its grid in real browsers."""

import json
import re
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

import pytest
import requests

from example_app.addresses import Addresses
from example_app.lab import ATTACKS, examples, rows
from example_app.ways import WAYS
from tests.support.browsers import ENGINES, Browser, require
from tests.support.example import REQUEST_SECONDS, Example

GRID_SECONDS = 60
EXAMPLES = examples(Addresses())
PAGE = "https://app.example"


@pytest.fixture(scope="module")
def start(tmp_path_factory) -> Iterator[Callable[..., Example]]:
    """A function that starts the example, or returns the one with the same options."""
    running: dict[tuple[str, ...], Example] = {}

    def start(*options: str) -> Example:
        if options not in running:
            running[options] = Example(tmp_path_factory.mktemp("lab") / "log", *options)
        return running[options]

    yield start
    for example in running.values():
        example.stop()


@pytest.fixture
def example(start) -> Example:
    return start()


def test_a_policy_that_is_sent_is_in_force_at_once(example):
    stranger = "https://stranger.example"
    example.set_policy({"ORIGINS": stranger})
    assert example.handshake(Origin=stranger).status_code == 200
    example.set_policy({})
    assert example.handshake(Origin=stranger).status_code == 403


def test_a_wrong_policy_is_marked_at_its_fields_and_the_old_one_stays(example):
    example.set_policy({"ORIGINS": "https://stays.example"})
    answer = example.set_policy({"ORIGINS": "https://Stays.example/", "MAX_AGE": "soon"})
    assert answer.status_code == 422
    origins, max_age = answer.json()["problems"]
    assert (origins["field"], max_age["field"]) == ("ORIGINS", "MAX_AGE")
    assert origins["replacement"] == "https://stays.example"
    assert "whole number" in max_age["reason"]
    assert example.handshake(Origin="https://stays.example").status_code == 200
    assert grid_of(example)["form"]["ORIGINS"] == "https://stays.example"


def test_code_cannot_be_named_in_the_form(example):
    example.set_policy({"ALLOW_REQUEST": "os:abort", "CALLBACK_TIMEOUT": "60"})
    assert "ALLOW_REQUEST" not in grid_of(example)["source"]


@pytest.mark.parametrize(
    "origin",
    ["refused_page", "subdomain", "other_site", "server"],
)
def test_no_other_page_can_change_the_policy(example, origin):
    before = grid_of(example)["form"]
    answer = example.set_policy({"ORIGINS": "*"}, origin=getattr(example.addresses, origin))
    assert answer.status_code == 403
    assert grid_of(example)["form"] == before


def test_a_request_without_an_origin_cannot_change_the_policy(example):
    answer = requests.post(f"{example.addresses.page}/lab/policy", json={}, timeout=REQUEST_SECONDS)
    assert answer.status_code == 403


def test_the_lab_is_on_one_origin_only(example):
    answer = requests.get(
        f"{example.addresses.other_site}/lab", allow_redirects=False, timeout=REQUEST_SECONDS
    )
    assert answer.headers["Location"] == f"{example.addresses.page}/lab"


def test_no_page_can_lay_the_editor_under_its_own_buttons(example):
    answer = requests.get(f"{example.addresses.page}/lab", timeout=REQUEST_SECONDS)
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


def test_the_lab_takes_nothing_from_other_hosts(example):
    text = requests.get(f"{example.addresses.page}/lab", timeout=REQUEST_SECONDS).text
    loaded = re.findall(r'(?:src|href)="(https?://[^/"]+)', text)
    assert set(loaded) <= {example.addresses.page}


def grid_of(example):
    return requests.get(f"{example.addresses.page}/lab/grid", timeout=REQUEST_SECONDS).json()


# --- Real browsers ----------------------------------------------------------------------------


class Collector:
    """Receives the lab's reports, and changes the policy before it asks for the next one.

    :param forms: the policies to try, in their order.
    """

    def __init__(self, example: Example, forms: list[dict]) -> None:
        self._example = example
        self._forms = iter(forms)
        self._reports: Queue[dict] = Queue()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._make_handler())
        self._thread = Thread(target=self._server.serve_forever)

    def __enter__(self) -> "Collector":
        self._set_next_policy()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def lab(self) -> str:
        """The address that makes the lab report here."""
        report = f"http://127.0.0.1:{self._server.server_port}/"
        return f"{self._example.addresses.page}/lab?report={report}"

    def next_report(self) -> dict:
        return self._reports.get(timeout=GRID_SECONDS)

    def _set_next_policy(self) -> bool:
        form = next(self._forms, None)
        if form is not None:
            self._example.set_policy(form).raise_for_status()
        return form is not None

    def _make_handler(collector) -> type[BaseHTTPRequestHandler]:  # noqa: N805 - two selves
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                collector._reports.put(json.loads(self.rfile.read(length)))
                answer = json.dumps({"again": collector._set_next_policy()}).encode()
                self.send_response(200)
                self.send_header("Access-Control-Allow-Origin", collector._example.addresses.page)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def try_policies(example, engine, forms):
    """Open the lab in a browser, and return its report on each policy."""
    with Collector(example, forms) as collector, Browser(engine, collector.lab):
        return [collector.next_report() for _ in forms]


def disagreements(report):
    return [cell for cell in report["cells"] if not cell["agrees"]]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_cell_is_as_predicted_in(engine, example):
    require(engine)
    forms = list(examples(example.addresses).values())
    reports = try_policies(example, engine, forms)
    assert [{k: v for k, v in report["form"].items() if v} for report in reports] == forms
    for report in reports:
        assert disagreements(report) == []
        tried = {(cell["row"], cell["way"]) for cell in report["cells"]}
        assert tried == {(row.key, way.key) for row in rows(example.addresses) for way in WAYS}
    outcomes = {cell["observed"] for report in reports for cell in report["cells"]}
    assert outcomes == {"connected", "refused", "blocked"}


@pytest.mark.parametrize("engine", ENGINES)
def test_the_example_lets_in_its_own_pages_and_nobody_else_in(engine, example):
    """What is written here knows nothing of the policy's own opinion."""
    require(engine)
    own = {"ORIGINS": f"{example.addresses.page}\n{example.addresses.subdomain_pattern}"}
    form = {**own, "SUPPORTS_CREDENTIALS": True, "ALLOW_HEADERS": "my-custom-header"}
    [report] = try_policies(example, engine, [form])
    observed = {(cell["row"], cell["way"]): cell["observed"] for cell in report["cells"]}
    clients = [way.key for way in WAYS if not way.attack]
    attacks = [way.key for way in WAYS if way.attack]
    assert {observed[row, way] for row in ("page", "subdomain") for way in clients} == {"connected"}
    assert {observed["page", way] for way in attacks} == {"refused"}
    strangers = ("port", "site", "null")
    assert {observed[row, way] for row in strangers for way in clients + attacks} == {"refused"}
    tenants = {(one["page"], one["host"]): one["observed"] for one in report["tenants"]}
    assert tenants == {
        ("acme", "acme"): "connected",
        ("acme", "globex"): "refused",
        ("globex", "acme"): "refused",
        ("globex", "globex"): "connected",
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_an_attackers_page_gets_a_session_without_sio_cors_and_nothing_with_it(engine, example):
    require(engine)
    listed = {"ORIGINS": example.addresses.page, "SUPPORTS_CREDENTIALS": True}
    everybody = {"ORIGINS": "*"}
    reports = try_policies(example, engine, [listed, everybody])
    by_list, by_star = [
        {(one["server"], one["way"]): one for one in report["attacks"]} for report in reports
    ]
    assert by_list["plain", "jsonp"]["observed"] == "connected"
    assert {by_list["guarded", way]["observed"] for way in ATTACKS} == {"refused"}
    # Where everybody may connect, a WebSocket acts as its visitor there, and as nobody here.
    assert by_star["plain", "websocket"]["visitor"]
    assert by_star["guarded", "websocket"]["observed"] == "connected"
    assert by_star["guarded", "websocket"]["visitor"] is None
