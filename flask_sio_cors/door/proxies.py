"""The proxy before a server: which it is, as requests show, and how it is told what to pass on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .address import first

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

#: The proxies that are known, by their keys.
NAMES: Final = {
    "nginx": "nginx",
    "ingress-nginx": "ingress-nginx",
    "apache": "Apache",
    "haproxy": "HAProxy",
    "caddy": "Caddy",
    "varnish": "Varnish",
    "lighttpd": "lighttpd",
    "traefik": "Traefik",
    "cloudfront": "CloudFront",
    "cloudflare": "Cloudflare",
    "iis": "IIS",
    "envoy": "Envoy",
    "application-gateway": "Azure Application Gateway",
}
#: What each adds to requests by itself, as keys of an environ; the first one counts. nginx and
#: HAProxy add nothing that they are not told to, and Caddy before 2.10 nothing of its own.
_SIGNS: Final = (
    ("ingress-nginx", ("HTTP_X_SCHEME", "HTTP_X_FORWARDED_SCHEME")),
    ("envoy", ("HTTP_X_ENVOY_EXPECTED_RQ_TIMEOUT_MS",)),
    ("envoy", ("HTTP_X_ENVOY_DECORATOR_OPERATION",)),
    ("envoy", ("HTTP_X_ENVOY_EXTERNAL_ADDRESS",)),
    ("envoy", ("HTTP_X_ENVOY_INTERNAL",)),
    ("varnish", ("HTTP_X_VARNISH",)),
    ("lighttpd", ("HTTP_X_HOST", "HTTP_X_FORWARDED_PROTO")),
    ("application-gateway", ("HTTP_X_APPGW_TRACE_ID",)),
    ("", ("HTTP_DISGUISED_HOST",)),  # Azure's App Service is IIS, and hides nothing.
    ("iis", ("HTTP_X_ARR_LOG_ID",)),
    ("traefik", ("HTTP_X_FORWARDED_SERVER", "HTTP_X_FORWARDED_PORT")),
    ("apache", ("HTTP_X_FORWARDED_SERVER",)),
)

#: How each passes on the host that browsers ask for.
HOST: Final = {
    "nginx": "proxy_set_header Host $http_host;",
    "ingress-nginx": "remove the annotation nginx.ingress.kubernetes.io/upstream-vhost",
    "apache": "ProxyPreserveHost On",
    "haproxy": "remove http-request set-header Host",
    "caddy": "remove header_up Host {upstream_hostport}",
    "varnish": "remove set req.http.host from vcl_recv",
    "lighttpd": 'remove "map-host-request" from proxy.header',
    "traefik": "passHostHeader: true",
    "cloudfront": "choose an origin request policy that forwards Host, as AllViewer does",
    "iis": "preserveHostHeader = true (Application Request Routing)",
    "envoy": "remove host_rewrite_literal, auto_host_rewrite from the route",
    "application-gateway": "Override with new host name: No, in the backend settings",
}
#: How each says the scheme that browsers use.
SCHEME: Final = {
    "nginx": "proxy_set_header X-Forwarded-Proto $scheme;",
    "apache": "RequestHeader set X-Forwarded-Proto expr=%{REQUEST_SCHEME}",
    "haproxy": "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]",
    "varnish": 'set req.http.X-Forwarded-Proto = "https";',
    "iis": '<set name="HTTP_X_FORWARDED_PROTO" value="https" /> in the rule\'s serverVariables',
}
#: How each, behind another proxy, leaves the scheme that this one says.
OUTER_SCHEME: Final = {
    "nginx": "proxy_set_header X-Forwarded-Proto $http_x_forwarded_proto;",
    # https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap/
    "ingress-nginx": 'use-forwarded-headers: "true" in the ConfigMap of the controller',
    "apache": "remove RequestHeader set X-Forwarded-Proto",
    "haproxy": "http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)] unless { req.hdr(X-Forwarded-Proto) -m found }",
    "caddy": "trusted_proxies private_ranges, in the braces of reverse_proxy",
    "traefik": "at the entry point: forwardedHeaders.trustedIPs=127.0.0.1, with the outer proxy's address",
    "varnish": "remove set req.http.X-Forwarded-Proto",
    "lighttpd": "extforward.forwarder = (\"127.0.0.1\" => \"trust\"), with the outer proxy's address (mod_extforward)",
    # https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_conn_man/headers
    "envoy": "xff_num_trusted_hops: 1; in Istio, gatewayTopology: {numTrustedProxies: 1}",
}  # fmt: skip


#: Those that, where they show, have said the scheme themselves, and no other one behind them.
SURE: Final = frozenset({"ingress-nginx", "traefik"})


def proxy_before(environ: WSGIEnvironment) -> str:
    """Return the key of the proxy that has passed a request on; ``""`` where none shows.

    A guess, for whoever reads a refusal: where several stand in a row, an inner one that adds
    nothing hides behind what the outer one has added.
    """
    if "caddy" in environ.get("HTTP_VIA", "").lower():
        return "caddy"
    found = next((name for name, keys in _SIGNS if all(key in environ for key in keys)), "")
    return "" if found == "traefik" and _is_rewritten(environ) else found


def _is_rewritten(environ: WSGIEnvironment) -> bool:
    """Tell whether somebody behind a proxy that says scheme and port has changed the scheme."""
    proto = first(environ.get("HTTP_X_FORWARDED_PROTO", "")).lower()
    return proto in ("http", "ws") and environ["HTTP_X_FORWARDED_PORT"] == "443"
