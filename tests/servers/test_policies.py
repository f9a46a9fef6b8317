"""Tenants: each host has its own policy, and nothing of one reaches another's."""

import pytest

from tests.support.clients import node, page
from tests.support.raw_http import POLLING, UPGRADE, WEBSOCKET

ACME, GLOBEX, ANYBODY = "https://acme.example", "https://globex.example", "https://any.example"
ACME_HOST, GLOBEX_HOST, PUBLIC_HOST = "acme.localhost", "globex.localhost", "public.localhost"
CONFIG = f"""
    app.config["SIO_CORS_EXPOSE_HEADERS"] = ["X-Inherited"]
    app.config["SIO_CORS_POLICIES"] = {{
        "acme": {{
            "HOSTS": ["{ACME_HOST}"], "ORIGINS": ["{ACME}"], "SUPPORTS_CREDENTIALS": True,
            "ALLOW_REQUEST": lambda request: "banned" not in request.args,
        }},
        "globex": {{"HOSTS": ["{GLOBEX_HOST}"], "ORIGINS": ["{GLOBEX}"], "MAX_AGE": 5}},
        "public": {{"HOSTS": ["{PUBLIC_HOST}"], "ORIGINS": "*"}},
    }}
"""
REPORTS = """
    from flask_sio_cors import request_refused

    @request_refused.connect_via(app)
    def note(sender, origin, reason, policy, **extra):
        app.config.setdefault("REFUSED", []).append((policy, origin, reason.value))
"""
REFUSED = b'{"code": 4, "message": "Forbidden"}'


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def server(request, serve):
    return serve(CONFIG, server=request.param, after=REPORTS)


def ask(server, host, origin, target=POLLING, method="GET", headers=(), body=b""):
    """Ask at one of the server's hosts, as a page of this origin."""
    sent = [("Host", f"{host}:{server.port}"), ("Origin", origin), *headers]
    return server.request(method, target, sent, body)


def refusals(server):
    return eval(server.run("answer = app.config.pop('REFUSED', [])"))


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        (ACME_HOST, {ACME}),
        (GLOBEX_HOST, {GLOBEX}),
        (PUBLIC_HOST, {ACME, GLOBEX, ANYBODY}),
        ("other.localhost", set()),
    ],
)
def test_a_page_gets_in_at_its_tenants_host_alone(server, host, allowed):
    for origin in (ACME, GLOBEX, ANYBODY):
        for _ in range(2):  # the second time, it is known
            assert (ask(server, host, origin).status == 200) == (origin in allowed)
            status = ask(server, host, origin, WEBSOCKET, headers=UPGRADE).status
            assert (status == 101) == (origin in allowed)
            preflight = [("Access-Control-Request-Method", "POST")]
            status = ask(server, host, origin, method="OPTIONS", headers=preflight).status
            assert (status == 204) == (origin in allowed)


def test_each_answer_has_its_own_policys_headers_and_the_inherited_ones(server):
    acme = ask(server, ACME_HOST, ACME).cors_headers
    assert acme == {
        "access-control-allow-origin": ACME,
        "access-control-allow-credentials": "true",
        "access-control-expose-headers": "X-Inherited",
    }
    public = ask(server, PUBLIC_HOST, ACME).cors_headers
    assert public == {
        "access-control-allow-origin": "*",
        "access-control-expose-headers": "X-Inherited",
    }
    preflight = [("Access-Control-Request-Method", "POST")]
    answer = ask(server, GLOBEX_HOST, GLOBEX, method="OPTIONS", headers=preflight)
    assert answer.header("Access-Control-Max-Age") == "5"


@pytest.mark.parametrize(
    "host",
    ["ACME.localhost:{port}", "acme.localhost.:{port}", "acme.localhost", "acme.localhost:1"],
)
def test_a_tenant_is_told_by_its_hosts_name_alone(server, host):
    sent = [("Host", host.replace("{port}", str(server.port)))]
    assert server.request("GET", POLLING, [*sent, ("Origin", ACME)]).status == 200
    assert server.request("GET", POLLING, [*sent, ("Origin", GLOBEX)]).status == 403


def test_a_forwarded_host_that_no_proxy_fix_applies_chooses_no_policy(server):
    forwarded = [("X-Forwarded-Host", GLOBEX_HOST)]
    assert ask(server, ACME_HOST, GLOBEX, headers=forwarded).status == 403
    assert ask(server, ACME_HOST, ACME, headers=forwarded).status == 200


def test_behind_a_proxy_fix_the_forwarded_host_is_the_host(serve):
    behind = serve(
        CONFIG,
        after="""
            from werkzeug.middleware.proxy_fix import ProxyFix
            app.wsgi_app = ProxyFix(app.wsgi_app, x_host=1)
        """,
    )
    forwarded = [("X-Forwarded-Host", GLOBEX_HOST)]
    assert ask(behind, ACME_HOST, GLOBEX, headers=forwarded).status == 200
    assert ask(behind, ACME_HOST, ACME, headers=forwarded).status == 403


# --- Sessions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("elsewhere", [GLOBEX_HOST, PUBLIC_HOST, "other.localhost"])
def test_a_session_is_served_at_its_own_policys_host_alone(server, elsewhere):
    sid = ask(server, ACME_HOST, ACME).sid
    refusals(server)
    target = f"{POLLING}&sid={sid}"
    for method, body in [("GET", b""), ("POST", b"40")]:
        for origin in (ACME, GLOBEX, f"http://{elsewhere}:{server.port}"):
            refused = ask(server, elsewhere, origin, target, method, body=body)
            assert (refused.status, refused.body) == (403, REFUSED)
        nobody = [("Host", f"{elsewhere}:{server.port}")]
        assert server.request(method, target, nobody, body).status == 403
    upgrade = f"{WEBSOCKET}&sid={sid}"
    assert ask(server, elsewhere, ACME, upgrade, headers=UPGRADE).status == 403
    assert {reason for _, _, reason in refusals(server)} == {"session-of-another-policy"}
    assert ask(server, ACME_HOST, ACME, target, "POST", body=b"40").status == 200
    assert ask(server, ACME_HOST, ACME, upgrade, headers=UPGRADE).status == 101


def test_a_session_is_another_policys_once_its_host_is(serve):
    fresh = serve(CONFIG, fresh=True)
    sid = ask(fresh, ACME_HOST, ACME).sid
    moved = f"""
        app.config["SIO_CORS_POLICIES"] = {{
            "other": {{"HOSTS": ["{ACME_HOST}"], "ORIGINS": ["{ACME}"]}}
        }}
    """
    fresh.configure(moved)
    assert ask(fresh, ACME_HOST, ACME, f"{POLLING}&sid={sid}", "POST", body=b"40").status == 403
    assert ask(fresh, ACME_HOST, ACME).status == 200


def test_a_session_from_before_there_were_policies_is_the_default_ones(serve):
    fresh = serve(f"app.config['SIO_CORS_ORIGINS'] = '{ACME}'", fresh=True)
    sids = {host: ask(fresh, host, ACME).sid for host in (ACME_HOST, "other.localhost")}
    fresh.configure(f"""
        app.config["SIO_CORS_ORIGINS"] = "{ACME}"
        app.config["SIO_CORS_POLICIES"] = {{"acme": {{"HOSTS": ["{ACME_HOST}"]}}}}
    """)
    for host, status in [(ACME_HOST, 403), ("other.localhost", 200)]:
        target = f"{POLLING}&sid={sids[host]}"
        assert ask(fresh, host, ACME, target, "POST", body=b"40").status == status


# --- What else is a policy's own --------------------------------------------------------------


def test_allow_request_is_asked_by_its_own_policy_alone(server):
    banned = f"{POLLING}&banned=1"
    assert ask(server, ACME_HOST, ACME, banned).status == 403
    assert ask(server, GLOBEX_HOST, GLOBEX, banned).status == 200


def test_cookies_come_in_with_the_policy_that_supports_them(serve):
    fresh = serve(
        CONFIG,
        after="""
            from flask import request

            seen = app.config["SEEN"] = []

            @socketio.on("connect")
            def connect(auth):
                seen.append(dict(request.cookies))
        """,
    )
    for host, origin in [(ACME_HOST, ACME), (GLOBEX_HOST, GLOBEX), (PUBLIC_HOST, ACME)]:
        cookie = [("Cookie", "a=1")]
        sid = ask(fresh, host, origin, headers=cookie).sid
        sent = ask(fresh, host, origin, f"{POLLING}&sid={sid}", "POST", cookie, b"40")
        assert sent.status == 200
    assert fresh.run("answer = app.config['SEEN']") == "[{'a': '1'}, {}, {}]"


def test_log_and_signal_name_the_policy(server):
    refusals(server)
    stranger = "https://stranger.example"
    ask(server, ACME_HOST, stranger)
    ask(server, "other.localhost", stranger)
    ask(server, GLOBEX_HOST, stranger, "/socket.io?EIO=4&transport=polling")  # a stray one
    reason = "origin-not-allowed"
    assert refusals(server) == [
        ("acme", stranger, reason),
        ("default", stranger, reason),
        ("globex", stranger, reason),
    ]
    log = server.log()
    assert "Refused by the policy 'acme' (origin-not-allowed): 'https://stranger.example'" in log
    assert "Refused by the policy 'globex' (origin-not-allowed)" in log
    assert "Refused (origin-not-allowed): Only the server's own origin" in log


def test_a_stray_request_is_answered_by_the_policy_of_its_host(server):
    stray = "/socket.io?EIO=4&transport=polling"
    assert ask(server, ACME_HOST, ACME, stray).status == 404
    assert ask(server, ACME_HOST, GLOBEX, stray).status == 403


def test_what_is_another_policys_own_page_is_never_told_to_be_named_here(serve):
    host = "acme.api.example.com"
    fresh = serve(CONFIG.replace(ACME_HOST, host), fresh=True)
    own = f"https://{host}"
    # The browser's own word, at its host; nothing at another's, as with Chromium's WebSocket.
    proof = [("Sec-Fetch-Site", "same-origin")]
    assert ask(fresh, host, own, headers=proof).status == 200
    for elsewhere in (GLOBEX_HOST, "127.0.0.1"):
        assert ask(fresh, elsewhere, own).status == 403
    log = fresh.log()
    assert log.count(f"'{own}'") >= 2
    assert "OWN_ORIGINS" not in log
    assert "Then the policy 'acme' applies, which acme.api.example.com is a host of." in log


# --- A function that chooses ------------------------------------------------------------------

CHOOSING = """
    from flask import current_app

    @cors.choose_policy
    def choose(request):
        assert current_app == app
        tenant = request.headers.get("X-Tenant")
        if tenant == "broken":
            raise LookupError("no such tenant")
        return {"seven": 7, "": None}.get(tenant, tenant)
"""


@pytest.fixture(scope="module", params=["eventlet", "threading"])
def choosing(request, serve):
    return serve(CONFIG, server=request.param, after=REPORTS + CHOOSING)


@pytest.mark.parametrize(
    ("tenant", "origin", "status"),
    [
        ("acme", ACME, 200),
        ("acme", GLOBEX, 403),
        ("globex", GLOBEX, 200),
        ("", ACME, 403),
        (None, ACME, 403),
    ],
)
def test_a_function_chooses_where_no_policy_names_the_host(choosing, tenant, origin, status):
    headers = [("X-Tenant", tenant)] if tenant is not None else []
    assert ask(choosing, "api.localhost", origin, headers=headers).status == status


def test_a_function_never_chooses_where_a_policy_names_the_host(choosing):
    assert ask(choosing, ACME_HOST, GLOBEX, headers=[("X-Tenant", "globex")]).status == 403
    assert ask(choosing, ACME_HOST, ACME, headers=[("X-Tenant", "broken")]).status == 200


@pytest.mark.parametrize(
    ("tenant", "complaint"),
    [
        ("nobody", "returned 'nobody', which is no policy in SIO_CORS_POLICIES"),
        (
            "acmee",
            "returned 'acmee', which is no policy in SIO_CORS_POLICIES (did you mean 'acme'?)",
        ),
        ("default", "returned 'default', which is no policy in SIO_CORS_POLICIES"),
        ("seven", "returned an int, not the name of a policy or None"),
        ("broken", "raised LookupError"),
    ],
)
def test_a_choice_that_is_none_refuses_and_is_logged(choosing, tenant, complaint):
    refusals(choosing)
    own = f"http://api.localhost:{choosing.port}"
    for origin in (ACME, own):
        refused = ask(choosing, "api.localhost", origin, headers=[("X-Tenant", tenant)])
        assert (refused.status, refused.body) == (403, REFUSED)
        assert not refused.cors_headers
    assert {reason for *_, reason in refusals(choosing)} == {"policy-not-chosen"}
    assert f"@cors.choose_policy: {complaint}; the request was refused" in choosing.log()


def test_a_policy_that_nothing_chooses_is_told_with_the_first_request(serve):
    config = "app.config['SIO_CORS_POLICIES'] = {'lost': {'HOSTS': []}}"
    warning = "SIO_CORS_POLICIES has no HOSTS for 'lost', and no function is decorated"
    alone = serve(config)
    assert warning not in alone.log()
    for _ in range(2):
        assert alone.request("GET", POLLING).status == 200
    assert alone.log().count(warning) == 1
    chosen = serve(config, after="cors.choose_policy(lambda request: 'lost')")
    assert chosen.request("GET", POLLING).status == 200
    assert warning not in chosen.log()


# --- Many tenants, real clients ---------------------------------------------------------------


def test_two_hundred_tenants_keep_to_themselves(serve):
    names = [f"t{n}" for n in range(200)]
    many = serve(f"""
        app.config["SIO_CORS_POLICIES"] = {{
            name: {{"HOSTS": [f"{{name}}.localhost"], "ORIGINS": [f"https://{{name}}.example"]}}
            for name in {names}
        }}
    """)
    for number, name in enumerate(names):
        own = ask(many, f"{name}.localhost", f"https://{name}.example")
        assert own.status == 200
        assert own.header("Access-Control-Allow-Origin") == f"https://{name}.example"
        for other in (names[number - 1], names[number - 7]):
            assert ask(many, f"{other}.localhost", f"https://{name}.example").status == 403


def test_real_clients_connect_at_their_tenants_host(serve, run_clients):
    two = serve(f"""
        app.config["SIO_CORS_POLICIES"] = {{
            "acme": {{"HOSTS": ["127.0.0.1"], "ORIGINS": ["{ACME}"], "SUPPORTS_CREDENTIALS": True}},
            "globex": {{"HOSTS": ["localhost"], "ORIGINS": ["{GLOBEX}"]}},
        }}
    """)
    elsewhere = f"http://localhost:{two.port}"
    clients = [page(two.url, ACME, withCredentials=True), page(two.url, GLOBEX)]
    clients += [page(elsewhere, GLOBEX), page(elsewhere, ACME), node(elsewhere)]
    outcomes = run_clients(*clients)
    assert [outcome.connected for outcome in outcomes] == [True, False, True, False, True]
    assert outcomes[0].transport == "websocket"
