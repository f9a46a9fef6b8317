"""The origins of all benchmarks, and a WSGI environ of a request that comes from one of them."""

from typing import Any

#: What is listed, and an origin that it lets in.
KINDS = {
    "exact": ("https://app{}.example.com", "https://app{}.example.com"),
    "wildcard": ("https://*.app{}.example.com", "https://pr-12.app{}.example.com"),
}
STRANGER = "https://evil.example.net"
ENVIRON = {
    "REQUEST_METHOD": "GET",
    "SCRIPT_NAME": "",
    "PATH_INFO": "/socket.io/",
    "QUERY_STRING": "EIO=4&transport=polling",
    "SERVER_NAME": "127.0.0.1",
    "SERVER_PORT": "5000",
    "HTTP_HOST": "127.0.0.1:5000",
    "wsgi.url_scheme": "http",
}
PREFLIGHT = {
    "REQUEST_METHOD": "OPTIONS",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD": "POST",
    "HTTP_ACCESS_CONTROL_REQUEST_HEADERS": "x-requested-with",
}


def listed(size: int, kind: str = "exact", start: int = 0) -> list[str]:
    return [KINDS[kind][0].format(number) for number in range(start, size)]


def last_origin(size: int, kind: str = "exact") -> str:
    """Return an origin that the last entry of a list lets in: a search would find it last."""
    return KINDS[kind][1].format(size - 1)


def asking(origin: str, **more: str) -> dict[str, Any]:
    return {**ENVIRON, "HTTP_ORIGIN": origin, **more}


def customers() -> list[str]:
    """The origins of those who come back at once."""
    return [f"https://customer-{number}.example" for number in range(50)]
