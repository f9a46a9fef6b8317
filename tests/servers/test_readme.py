"""Every code block of the README, run as it stands on a real server."""

import re
import subprocess

import pytest

from flask_sio_cors.config.options import SETTINGS
from tests.support.clients import page
from tests.support.harness import REPOSITORY
from tests.support.raw_http import POLLING

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def block(words: str, language: str = "python") -> str:
    """The one block that contains these words."""
    (found,) = [text for text in blocks(language) if words in text]
    return found


def served_as_is(program: str, more: str = "") -> dict[str, object]:
    """Arguments of `serve` for a program of the README, which makes an app of its own."""
    before, after = "outer, __name__ = app, 'readme'", "outer.wsgi_app = app.wsgi_app"
    return {"plain": True, "after": "\n".join([before, program, more, after])}


SHORTEST = block('["https://app.example.com", "https://*.preview.example.com"]')
ALLOW_REQUEST = block("@cors.allow_request")
FACTORY = block("def create_app")
MANUAL = block('"https://example.com"\napp.config["SIO_CORS_ALLOW_HEADERS"]')
MISSING = block('= ["https://app.example.com"]\n')
WILDCARD_WITH_CREDENTIALS = block("my-other-frontend")
OWN_ORIGINS = block("SIO_CORS_OWN_ORIGINS")
FUNCTIONS = block("def is_site")
CREDENTIALS = 'app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True\n'


def test_no_python_block_is_left_untested():
    tested = [
        SHORTEST,
        ALLOW_REQUEST,
        FACTORY,
        MANUAL,
        MISSING,
        WILDCARD_WITH_CREDENTIALS,
        OWN_ORIGINS,
        FUNCTIONS,
        CREDENTIALS,
    ]
    assert sorted(blocks("python")) == sorted(tested)


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://app.example.com", 200),
        ("https://pr-7.preview.example.com", 200),
        ("https://preview.example.com", 403),
        ("https://evil.example", 403),
    ],
)
def test_the_shortest_example_lets_in_what_it_names(serve, origin, status):
    server = serve(**served_as_is(SHORTEST))
    response = server.request("GET", POLLING, [("Origin", origin)])
    assert response.status == status
    assert response.header("Access-Control-Allow-Origin") == (origin if status == 200 else None)


def test_the_origin_that_is_named_gets_in_whatever_the_proxy_hides(serve):
    hidden = [("Host", "upstream:5000"), ("Origin", "https://chat.example.com")]
    assert serve(OWN_ORIGINS).websocket(hidden).status == 101
    assert serve("").websocket(hidden).status == 403


def test_the_functions_of_the_example_decide_beside_what_is_listed(serve):
    server = serve(FUNCTIONS)
    hosts = {
        "https://app.example.com": "a",
        "https://customer.example": "a",
        "https://b.example": "b",
    }
    for origin, host in hosts.items():
        asked = [("Origin", origin), ("Host", host)]
        assert server.request("GET", POLLING, asked).status == 200
    assert server.request("GET", POLLING, [("Origin", "https://b.example")]).status == 403


def test_the_allow_request_example_refuses_with_a_message_and_lets_a_user_in(serve):
    login = """
        @app.get("/log-in-here")
        def log_in():
            session["user"] = "ada"
            return ""
    """
    server = serve(**served_as_is(ALLOW_REQUEST, re.sub("^ {8}", "", login, flags=re.MULTILINE)))
    stranger = server.request("GET", POLLING)
    assert (stranger.status, stranger.body) == (403, b'{"code": 4, "message": "Please log in."}')
    cookie = server.request("GET", "/log-in-here").header("Set-Cookie").partition(";")[0]
    old = server.request("GET", POLLING, [("Cookie", cookie)])
    assert (old.status, old.body) == (403, b'{"code": 4, "message": "Forbidden"}')
    user = server.request("GET", POLLING, [("Cookie", cookie), ("X-Api-Version", "2")])
    assert user.status == 200


def test_the_factory_example_reconfigures_and_hears_of_refusals(serve):
    more = """
app = create_app()
app.logger.setLevel("INFO")
allow(app, ["https://a.example"])
allow(app, ["https://B.example"])
"""
    server = serve(**served_as_is(FACTORY, more))
    assert server.request("GET", POLLING, [("Origin", "https://a.example")]).status == 200
    assert server.request("GET", POLLING, [("Origin", "https://b.example")]).status == 403
    assert "kept out 'https://b.example': origin-not-allowed" in server.log()
    assert "SIO_CORS_ORIGINS https://B.example" in server.log()


def test_the_manuals_second_example_connects_with_cookies_and_a_header(serve, run_clients):
    server = serve(MANUAL)
    client = block('"my-custom-header": "abcd"', "js")
    assert "withCredentials: true" in client
    options = {"withCredentials": True, "extraHeaders": {"my-custom-header": "abcd"}}
    friend, stranger = run_clients(
        page(server.url, "https://example.com", cookies=[server.login("ada")], **options),
        page(server.url, "https://example.org", **options),
    )
    assert friend.connected
    assert friend.whoami == "ada"
    assert friend.preflights
    assert not stranger.connected


@pytest.mark.parametrize("config", [MISSING, WILDCARD_WITH_CREDENTIALS, CREDENTIALS])
def test_each_fix_of_the_troubleshooting_is_a_valid_configuration(serve, config):
    server = serve(config)
    assert server.request("GET", POLLING).body.startswith(b'0{"sid":')


def test_the_curl_commands_of_the_troubleshooting_answer_what_they_say(serve):
    server = serve(MISSING)
    plain, as_page = [
        line.replace("http://localhost:5000", server.url)
        for text in blocks("sh")
        for line in text.splitlines()
        if line.startswith("curl")
    ]
    assert output_of(plain).startswith('0{"sid":')
    assert "Access-Control-Allow-Origin: https://app.example.com" in output_of(as_page)
    assert " 403 " in output_of(as_page.replace("app.example.com", "evil.example"))


def output_of(command: str) -> str:
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=30)
    return done.stdout


def test_the_settings_table_lists_every_setting():
    assert re.findall(r"^\| `(SIO_CORS_\w+)` \|", README, re.MULTILINE) == [
        setting.key for setting in SETTINGS
    ]


def test_the_table_for_nodejs_lists_every_option_that_has_a_counterpart():
    rows = "\n".join(line for line in README.splitlines() if line.startswith("| `"))
    for setting in SETTINGS:
        if setting.npm:
            assert re.search(rf"^\| `{setting.npm}\b.*`{setting.key}\b", rows, re.MULTILINE)
