"""What to write into which proxy: a table, topic by proxy.

A topic has a sentence that holds for every proxy, and lines for those that are known. Where no
proxy shows, nginx's are told as an example, as the most common one's.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from ..door.proxies import HOST, NAMES, OUTER_SCHEME, SCHEME


class Topic(Enum):
    """What a proxy should do, in a sentence."""

    ORIGIN = "Let the proxy forward the request's own Origin"
    QUESTION = "Let the proxy forward Access-Control-Request-Method and Access-Control-Request-Headers, and the answer's Access-Control-Allow-Headers"
    HOST = "Let the proxy tell the server the address that browsers ask for, in the location of the Socket.IO path, or by X-Forwarded-Host"
    FORWARDED_HOST = "If it sends X-Forwarded-Host, too, let that say the same"
    SCHEME = "Let the proxy tell the server the scheme that browsers use"
    OUTER_SCHEME = "Let the inner proxy pass X-Forwarded-Proto on as the outer one has set it"
    ALLOWS = "Write it where it is written now"
    OPTIONS = "Let OPTIONS requests through to the Socket.IO server, which answers them itself"
    CACHE = "Do not cache the Socket.IO path, nor OPTIONS; or make Origin a part of the key"
    UPGRADE = "Let the proxy pass WebSocket on, in the location of the Socket.IO path"
    WAIT = "Let the proxy wait for 60 seconds or more on the Socket.IO path"
    PATH = "Let the proxy pass <path> on as it is"
    CUT = "Let the proxy cut <prefix> off"
    PREFIX = "Let the proxy pass <path> on as <named>"
    QUERY = "Let the proxy pass the query on"
    ADDS = "Remove from the proxy what adds Access-Control-… to answers"
    HIDES = "Let the proxy pass <header> on"
    BODY = "Raise the limit for bodies, as much as Socket.IO takes itself"
    POST = "Let POST requests for <path> pass"
    RATE = "Raise the limit for the Socket.IO path, or let the client use WebSocket alone"
    STICKY = "Make the load balancer send each client to one worker"
    COOKIE = "Let the load balancer set <cookie> with SameSite=None; Secure by https"
    HEADERS = "Send less, or let the server read larger headers"
    FORBID = "Let GET, POST and OPTIONS requests for <path> pass"
    REACH = "Start the server; compare its address with that to which the proxy passes on"
    HIDDEN = "Let the proxy show the server's own errors for the Socket.IO path"


_WEBSOCKET: Final = 'proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'

#: What each proxy is told, in its own language.
_LINES: Final[dict[Topic, dict[str, str]]] = {
    Topic.ORIGIN: {
        "nginx": "remove proxy_set_header Origin",
        "apache": "remove RequestHeader set Origin, RequestHeader unset Origin",
        "haproxy": "remove http-request set-header Origin, http-request del-header Origin",
        "caddy": "remove header_up Origin, header_up -Origin",
        "varnish": "remove set req.http.Origin, unset req.http.Origin",
        "lighttpd": 'remove "Origin" from setenv.set-request-header, setenv.add-request-header',
        "traefik": "remove Origin from the headers middleware's customRequestHeaders",
        "cloudfront": "choose an origin request policy that forwards it, as AllViewer does",
    },
    Topic.QUESTION: {
        "nginx": (
            "remove proxy_set_header for both, and proxy_hide_header Access-Control-Allow-Headers;"
        ),
        "apache": "remove RequestHeader unset Access-Control-Request-Headers",
        "haproxy": "remove http-request del-header access-control-request-headers",
        "caddy": "remove header_up -Access-Control-Request-*",
        "varnish": "remove unset req.http.Access-Control-Request-Headers",
        "cloudfront": "choose an origin request policy that forwards them, as AllViewer does",
        "lighttpd": 'remove "Access-Control-Request-Headers" from setenv.set-request-header',
        "traefik": "remove Access-Control-Request-Headers from the headers middleware's customRequestHeaders",
    },
    Topic.HOST: {**HOST, "nginx": f"{HOST['nginx']} (not $host, which has no port)"},
    # The others that are known send it by themselves, as it is.
    Topic.FORWARDED_HOST: {"nginx": "proxy_set_header X-Forwarded-Host $http_host;"},
    Topic.SCHEME: {
        **SCHEME,
        "nginx": f"{SCHEME['nginx']} (behind another proxy: $http_x_forwarded_proto)",
        "caddy": f"remove header_up X-Forwarded-Proto; behind another proxy: {OUTER_SCHEME['caddy']}",
        "lighttpd": f"it sends X-Forwarded-Proto by itself; behind another proxy: {OUTER_SCHEME['lighttpd']}",
        "traefik": f"it sends X-Forwarded-Proto by itself; behind another proxy, {OUTER_SCHEME['traefik']}",
    },
    Topic.OUTER_SCHEME: OUTER_SCHEME,
    Topic.ALLOWS: {
        "nginx": 'add_header Access-Control-Allow-Origin "<origin>" always;',
        "apache": 'Header always set Access-Control-Allow-Origin "<origin>"',
        "haproxy": 'http-response set-header Access-Control-Allow-Origin "<origin>"',
        "caddy": 'header Access-Control-Allow-Origin "<origin>"',
        "varnish": 'set resp.http.Access-Control-Allow-Origin = "<origin>";',
        "lighttpd": 'setenv.add-response-header = ("Access-Control-Allow-Origin" => "<origin>")',
        "traefik": "accessControlAllowOriginList: [<origin>]",
    },
    Topic.OPTIONS: {
        "nginx": (
            "look for if ($request_method = OPTIONS) { return 204; } in the location, and remove it"
        ),
        "apache": "look for RewriteCond %{REQUEST_METHOD} OPTIONS, and remove it",
        "haproxy": "look for http-request return … if METH_OPTIONS, and remove it",
        "caddy": "look for @options method OPTIONS with respond, and remove both",
        "varnish": 'look for req.method == "OPTIONS" with synth(), and remove it',
        "traefik": "remove the headers middleware's accessControlAllow… from the router",
        "lighttpd": 'look for $HTTP["request-method"] around proxy.server, and remove it',
    },
    Topic.CACHE: {
        "nginx": "proxy_cache off;",
        "apache": 'CacheDisable "<path>"',
        "haproxy": "remove http-request cache-use",
        "varnish": 'if (req.url ~ "^<path>") { return (pass); }',
        "cloudfront": "cache policy CachingDisabled for <path>*",
        "cloudflare": "a cache rule that bypasses <path>",
    },
    Topic.UPGRADE: {
        "nginx": _WEBSOCKET,
        "apache": 'ProxyPass "<path>" "http://127.0.0.1:5000<path>" upgrade=websocket',
        "haproxy": "remove http-request del-header upgrade; and write timeout tunnel 1h",
        "caddy": "remove header_up -Upgrade, header_up -Connection",
        "varnish": "in vcl_recv: if (req.http.upgrade ~ \"(?i)websocket\") { return (pipe); } and in vcl_pipe: set bereq.http.upgrade = req.http.upgrade; set bereq.http.connection = req.http.connection;",
        "lighttpd": 'proxy.header = ("upgrade" => "enable")',
        "traefik": "nothing is to be set; remove Upgrade from the headers middleware's customRequestHeaders",
        "cloudfront": "an origin request policy that forwards all headers, as AllViewer does",
        "cloudflare": "Network, WebSockets: on",
        "iis": "install the WebSocket Protocol feature",
    },
    Topic.WAIT: {
        "nginx": "proxy_read_timeout 60s;",
        "apache": 'ProxyPass "<path>" "http://127.0.0.1:5000<path>" upgrade=websocket timeout=3600',
        "haproxy": "timeout client 60s, timeout server 60s, and timeout tunnel 1h",
        "caddy": "remove response_header_timeout, read_timeout from transport http",
        "varnish": ".first_byte_timeout = 60s; in the backend, and -p pipe_timeout=3600",
        "lighttpd": 'proxy.server = ("" => (("host" => "127.0.0.1", "port" => 5000, "read-timeout" => 60)))',
        "traefik": "remove responseHeaderTimeout from the service's serversTransport, its forwardingTimeouts",
        "cloudfront": "origin response timeout: 60",
    },
    Topic.PATH: {
        "nginx": (
            "nothing stands behind the port in proxy_pass, no slash either: location <path> { proxy_pass http://…:5000; }"
        ),
        "apache": 'ProxyPass "<path>" "http://127.0.0.1:5000<path>" upgrade=websocket',
        "haproxy": "remove http-request replace-path; use_backend … if { path_beg <path> }",
        "caddy": "handle <path>*, not handle_path, around reverse_proxy 127.0.0.1:5000",
        "varnish": "remove regsub(req.url, …)",
        "lighttpd": 'remove "map-urlpath" from proxy.header, and url.rewrite',
        "traefik": "rule: PathPrefix(`<path>`), without the middleware stripPrefix",
    },
    Topic.CUT: {
        "nginx": "with a slash behind the port: location <prefix>/ { proxy_pass http://…:5000/; }",
        "apache": 'ProxyPass "<prefix>/" "http://127.0.0.1:5000/" upgrade=websocket',
        "haproxy": "http-request replace-path ^<prefix>/(.*) /\\1",
        "caddy": "handle_path <prefix>/*, around reverse_proxy 127.0.0.1:5000",
        "varnish": 'set req.url = regsub(req.url, "^<prefix>", "");',
        "lighttpd": 'proxy.header = ("upgrade" => "enable", "map-urlpath" => ("<prefix>/" => "/"))',
        "traefik": "the middleware stripPrefix: {prefixes: [<prefix>]}",
    },
    Topic.PREFIX: {
        "nginx": "proxy_pass http://…<named>;",
        "apache": 'ProxyPass "<path>" "http://127.0.0.1:5000<named>" upgrade=websocket',
        "haproxy": "http-request replace-path ^<path>(.*) <named>\\1",
        "caddy": "uri replace <path> <named>",
        "traefik": 'the middleware replacePathRegex: {regex: "^<path>(.*)", replacement: "<named>$1"}',
        "varnish": 'set req.url = regsub(req.url, "^<path>", "<named>");',
        "lighttpd": 'proxy.header = ("upgrade" => "enable", "map-urlpath" => ("<path>" => "<named>"))',
    },
    Topic.QUERY: {
        "nginx": (
            "after a path with variables, as in proxy_pass http://…:5000$uri, write $is_args$args; or leave the path out"
        ),
        "apache": "the flag QSA of RewriteRule; or use ProxyPass",
        "haproxy": "set-path in place of set-uri",
        "varnish": "remove regsub(req.url, …)",
        "caddy": "look for rewrite with a ? at its end, and remove that",
        "lighttpd": "remove the url.rewrite-once that leaves the query out",
    },
    Topic.ADDS: {
        "nginx": "add_header and proxy_hide_header",
        "apache": "Header add, Header set Access-Control-…",
        "haproxy": "http-response set-header, add-header Access-Control-…",
        "caddy": "header Access-Control-…, header_down Access-Control-…",
        "varnish": "set resp.http.Access-Control-…",
        "lighttpd": "setenv.add-response-header",
        "traefik": "the headers middleware's accessControlAllow…, customResponseHeaders",
        "cloudfront": "the response headers policy for CORS",
    },
    Topic.HIDES: {
        "nginx": "look for proxy_hide_header <header>; (and more_clear_headers), and remove it",
        "apache": "look for Header unset <header>, and remove it",
        "haproxy": "look for http-response del-header <header>, and remove it",
        "caddy": "look for header_down -<header>, and remove it",
        "varnish": "look for unset beresp.http.<header>, and remove it",
        "lighttpd": 'remove "<header>" => "" from setenv.set-response-header',
        "traefik": "remove <header>: \"\" from the headers middleware's customResponseHeaders",
    },
    Topic.BODY: {
        "nginx": "client_max_body_size 1m;",
        "apache": "SecRequestBodyLimit; LimitRequestBody does not count for what is passed on",
        "haproxy": "look for http-request deny if { req.body_size gt … }",
        "caddy": "max_size 1MB, in the braces of request_body",
        "lighttpd": "server.max-request-size = 1024",
        "traefik": "the middleware buffering: {maxRequestBodyBytes: 1048576}",
    },
    Topic.POST: {
        "nginx": (
            "look in the location for if ($request_method = POST), limit_except GET, or a try_files that serves files"
        ),
        "apache": "look for <Limit POST>, <LimitExcept GET>, AllowMethods",
        "haproxy": "look for http-request deny if METH_POST",
        "caddy": "look for a matcher with method GET",
        "varnish": 'look for req.method != "GET" with synth(405)',
        "lighttpd": 'look for $HTTP["request-method"] with url.access-deny',
    },
    Topic.RATE: {
        "nginx": "limit_req, limit_conn",
        "apache": "mod_evasive, mod_qos, SecRule",
        "haproxy": "http-request deny deny_status 429, stick-table, maxconn",
        "caddy": "rate_limit",
        "traefik": "the middlewares rateLimit and inFlightReq",
    },
    Topic.STICKY: {
        "nginx": "ip_hash;",
        "apache": 'Header add Set-Cookie "ROUTEID=.%{BALANCER_WORKER_ROUTE}e; path=/" env=BALANCER_ROUTE_CHANGED; each BalancerMember with a route=… of its own; and ProxySet stickysession=ROUTEID',
        "haproxy": "cookie SERVER insert indirect nocache, and cookie 1, cookie 2, … at the servers; or balance source",
        "caddy": "lb_policy cookie, or ip_hash",
        "varnish": "directors.hash() with client.identity",
        "lighttpd": 'proxy.balance = "sticky"',
        "traefik": "the service's loadBalancer: {…, sticky: {cookie: {}}}; or strategy: hrw",
    },
    Topic.COOKIE: {
        "nginx": "proxy_cookie_flags ~ secure samesite=none; or choose by address: ip_hash;",
        "apache": "Header edit Set-Cookie $ \"; SameSite=None; Secure\"",
        "haproxy": "cookie … secure attr SameSite=None; or balance source",
        "caddy": "lb_policy ip_hash",
        "traefik": "sticky: {cookie: {secure: true, sameSite: none}}; or strategy: hrw",
    },
    Topic.HEADERS: {
        "nginx": "large_client_header_buffers 4 32k;",
        "apache": "LimitRequestFieldSize 32768",
        "haproxy": "tune.bufsize 65536",
        "varnish": "-p http_req_hdr_len=32k",
        "lighttpd": "server.max-request-field-size = 32768",
    },
    Topic.FORBID: {
        "nginx": "look for deny, limit_except, if (…) { return 403; }, return 444",
        "apache": "look for Require, Deny from, RewriteRule … [F], SecRule",
        "haproxy": "look for http-request deny, reject, silent-drop",
        "caddy": "look for respond 403, and for abort",
        "varnish": "look for synth(403)",
        "lighttpd": "look for url.access-deny, auth.require",
        "traefik": "look for ipAllowList, forwardAuth",
        "iis": "look at Request Filtering",
    },
    Topic.REACH: {
        "nginx": "proxy_pass",
        "apache": "ProxyPass",
        "haproxy": "the backend's server line, and its check",
        "caddy": "reverse_proxy",
        "varnish": "backend default",
        "lighttpd": "proxy.server",
        "traefik": "the service's loadBalancer.servers; in Kubernetes: kubectl get endpoints",
        "cloudflare": "the DNS record, and the origin's firewall",
    },
    Topic.HIDDEN: {
        "nginx": "proxy_intercept_errors off;",
        "apache": "ProxyErrorOverride Off",
        "haproxy": "remove http-response return, errorfile",
        "caddy": "remove handle_response, handle_errors",
        "varnish": "remove return (synth(…)) from vcl_deliver, return (error(…)) from vcl_backend_response",
        "lighttpd": "remove server.error-intercept",
        "traefik": "remove the middleware errors from the router",
    },
}  # fmt: skip
#: What stands in for a value that is not known.
_USUAL: Final = {"path": "/socket.io/", "prefix": "", "named": "/socket.io/", "cookie": "it"}


def advise(topic: Topic, proxy: str = "", **values: str) -> str:
    """Return what to do, and how that is written in a proxy's language.

    :param proxy: its key; nothing where none is known.
    :param values: what stands in the sentence and in the lines for ``<path>``, ``<prefix>``,
        ``<named>``, ``<header>`` and ``<cookie>``.
    """
    lines, told = _LINES[topic], topic.value
    if proxy in lines:
        told = f"{told}; in {NAMES[proxy]}: {lines[proxy]}"
    elif proxy in NAMES:
        told = f"{told} ({NAMES[proxy]})"
    else:
        told = f"{told}; for example, in nginx: {lines['nginx']}"
    for name, value in {**_USUAL, **values}.items():
        told = told.replace(f"<{name}>", value)
    return told if told.endswith((".", ";", "}")) else f"{told}."


def name_of(proxy: str) -> str:
    """Return how a proxy is called, by its key; nothing where it is none of those that are known."""
    return NAMES.get(proxy, "")
