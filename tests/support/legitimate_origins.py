"""Origins that pages, extensions and apps really send, and what their owners configure for them."""

from typing import Final, NamedTuple


class Legitimate(NamedTuple):
    """An origin as it is sent, and the entry of `SIO_CORS_ORIGINS` that is to let it in."""

    what: str
    origin: str
    configured: str


_LONG_LABEL: Final = "a" * 63
_LONG_HOST: Final = ".".join([_LONG_LABEL] * 3 + ["b" * 61])

_EXACT: Final = {
    "a host": "https://app.example.com",
    "a base domain": "https://example.com",
    "a deep subdomain": "https://a.b.c.d.e.f.g.h.example.com",
    "without encryption": "http://app.example.com",
    "a port": "https://app.example.com:8443",
    "port 1": "https://app.example.com:1",
    "the highest port": "https://app.example.com:65535",
    "http on https's port": "http://app.example.com:443",
    "https on http's port": "https://app.example.com:80",
    "a port with a default's digits": "https://app.example.com:4430",
    "a host without a dot": "http://intranet",
    "a host without a dot, a port": "http://intranet:8080",
    "a hyphen": "https://my-app.example.com",
    "two hyphens": "https://my--app.example.com",
    "a hyphen at an end": "https://app-.example.com",
    "an underscore": "https://my_app.example.com",
    "an underscore before": "https://_dev.example.com",
    "digits": "https://42.example.com",
    "a host of digits and letters": "https://3scale.example.com",
    "hexadecimal letters": "https://0xcafe.example.com",
    "one letter": "https://x.com",
    "a long label": f"https://{_LONG_LABEL}.example.com",
    "253 characters": f"https://{_LONG_HOST}",
    "253 characters and a port": f"https://{_LONG_HOST}:65535",
    "127 labels": f"https://{'a.' * 126}a",
    "punycode": "https://xn--bcher-kva.example",
    "punycode, top-level": "https://xn--e1afmkfd.xn--p1ai",
    "punycode, an emoji": "https://xn--i-7iq.ws",
    "punycode, a long label": "https://xn--vermgensberatung-pwb.example:8443",
    "a new top-level domain": "https://app.example.photography",
    "a preview": "https://feature-123--my-site.netlify.app",
    "a hash's preview": "https://my-app-git-main-team.vercel.app",
    "pages": "https://someone.github.io",
    "a code space": "https://someone-fluffy-cod-r4x5-3000.app.github.dev",
    "a sandbox": "https://x7k2lm.csb.app",
    "a tunnel": "https://1a2b-2001-db8--1.ngrok-free.app",
    "a bucket": "https://my.bucket.s3.eu-central-1.amazonaws.com",
    "a name server's suffix": "http://app.127.0.0.1.nip.io:3000",
    "localhost": "http://localhost",
    "localhost, a port": "http://localhost:3000",
    "localhost, https": "https://localhost:5173",
    "a name under localhost": "http://app.localhost:8080",
    "multicast DNS": "http://raspberrypi.local:8123",
    "a container": "http://host.docker.internal:3000",
    "IPv4": "http://192.168.178.20",
    "IPv4, a port": "http://192.168.178.20:8080",
    "IPv4, loopback": "http://127.0.0.1:5000",
    "IPv4, https": "https://203.0.113.7",
    "IPv4, all zeros": "http://0.0.0.0:8000",
    "IPv6, loopback": "http://[::1]",
    "IPv6, loopback and a port": "http://[::1]:3000",
    "IPv6": "https://[2001:db8::8a2e:370:7334]",
    "IPv6, a port": "https://[2001:db8::1]:8443",
    "IPv6, all groups": "https://[2001:db8:1:2:3:4:5:6]:65535",
    "IPv6, link-local": "http://[fe80::1ff:fe23:4567:890a]:3000",
    "IPv6, mapped IPv4": "http://[::ffff:c0a8:114]:3000",
    "an iPhone's app (Capacitor)": "capacitor://localhost",
    "an iPhone's app (Ionic)": "ionic://localhost",
    "an app on its own host": "capacitor://app.example.com",
    "an Android app (Capacitor)": "https://localhost",
    "a desktop app (Tauri)": "tauri://localhost",
    "a desktop app (Tauri on Windows)": "http://tauri.localhost",
    "a desktop app (Tauri, https)": "https://tauri.localhost",
    "a desktop app (Electron)": "app://.",
    "a desktop app (Obsidian)": "app://obsidian.md",
    "a desktop app (Obsidian's phone)": "http://localhost:5001",
    "Chrome's extension": "chrome-extension://gighmmpiobklfepjocnamgkkbiglidom",
    "Firefox's extension": "moz-extension://a1b2c3d4-e5f6-4a7b-8c9d-0e1f2a3b4c5d",
    "Safari's extension": "safari-web-extension://A1B2C3D4-E5F6-4A7B-8C9D-0E1F2A3B4C5D",
    "an editor's web view": "vscode-webview://0l7e9p6gu3d9h5b8q2k1m4n7r0s3t6v9",
    "a Windows app": "ms-appx-web://my.package.name",
    "an app's scheme with dots": "com.example.app://localhost:8080",
    "a sandboxed page": "null",
    "a local file (Android)": "file://",
}
_MATCHED: Final = (
    ("one label", "https://app.wild.example", "https://*.wild.example"),
    ("two labels", "https://a.b.wild.example", "https://*.wild.example"),
    ("ten labels", f"https://{'a.' * 10}wild.example", "https://*.wild.example"),
    ("a hyphen and digits", "https://pr-42.wild.example", "https://*.wild.example"),
    ("an underscore", "https://pr_42.wild.example", "https://*.wild.example"),
    ("punycode", "https://xn--bcher-kva.wild.example", "https://*.wild.example"),
    ("a label of 63", f"https://{_LONG_LABEL}.wild.example", "https://*.wild.example"),
    ("the base's own name", "https://wild.example.wild.example", "https://*.wild.example"),
    ("under punycode", "https://www.xn--mnchen-3ya.example", "https://*.xn--mnchen-3ya.example"),
    ("its port", "https://app.ported.example:8443", "https://*.ported.example:8443"),
    ("any port", "https://app.free.example:8443", "https://*.free.example:*"),
    ("no port", "https://app.free.example", "https://*.free.example:*"),
    ("the other's default", "https://app.free.example:80", "https://*.free.example:*"),
    ("http", "http://app.plain.example", "http://*.plain.example"),
    ("localhost's", "http://tenant.localhost:3000", "http://*.localhost:3000"),
    ("an exact host's port", "https://dev.example:9000", "https://dev.example:*"),
    ("an exact host's none", "https://dev.example", "https://dev.example:*"),
    ("a host without a dot", "http://buildserver:32768", "http://buildserver:*"),
    ("IPv4's port", "http://10.0.0.7:49152", "http://10.0.0.7:*"),
    ("IPv6's port", "http://[fd00::7]:49152", "http://[fd00::7]:*"),
    ("IPv6's none", "http://[fd00::7]", "http://[fd00::7]:*"),
    ("any port is any", "http://buildserver:65535", "http://buildserver:*"),
)

LEGITIMATE: Final = (
    *(Legitimate(what, origin, origin) for what, origin in _EXACT.items()),
    *(Legitimate(f"{what} of {c}", origin, c) for what, origin, c in _MATCHED),
)

#: A few of each kind, for clients that take longer.
SAMPLE: Final = tuple(
    legitimate
    for legitimate in LEGITIMATE
    if legitimate.origin
    in (
        "https://app.example.com:8443",
        "https://xn--bcher-kva.example",
        "http://[::1]:3000",
        "capacitor://localhost",
        "chrome-extension://gighmmpiobklfepjocnamgkkbiglidom",
        "null",
        "https://a.b.wild.example",
        "https://app.free.example:8443",
    )
)
