"""Configurations that cannot work, and what their owner is to be told."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import Any, NamedTuple


class Mistake(NamedTuple):
    """One mistake in a configuration that is otherwise right.

    The problem that is reported has the key `its_key` (that of the config where it has only one),
    the value `value` (the key's own where it is not given), a reason that contains `reason`, and
    this correction, unless it is `None`.
    """

    what: str
    config: dict[str, Any]
    reason: str
    correction: str | None
    its_key: str = ""
    value: Any = ...

    @property
    def key(self) -> str:
        return self.its_key or next(iter(self.config))

    @property
    def name(self) -> str:
        return f"{self.key}: {self.what}"


ORIGINS = "SIO_CORS_ORIGINS"
CREDENTIALS = "SIO_CORS_SUPPORTS_CREDENTIALS"
PLACEHOLDER = '"https://app.example.com"'


def allow(request):
    return True


async def asynchronous(request):
    return True


def two_arguments(origin, request):
    return True


def three_arguments(origin, environ, more):
    return True


def environ_first(environ, origin):
    return True


def generator(request):
    yield True


class NotAFunction:
    def __init__(self, request):
        pass


class AsynchronousObject:
    async def __call__(self, request):
        return True


def _origin(what: str, origin: Any, reason: str, correction: str) -> Mistake:
    """An origin with a mistake, in a list with another one that has none."""
    config = {ORIGINS: ["https://right.example", origin]}
    return Mistake(what, config, reason, correction, ORIGINS, origin)


def _with_credentials(what: str, origin: Any, reason: str, correction: str) -> Mistake:
    config = {ORIGINS: [origin], CREDENTIALS: True}
    return Mistake(what, config, reason, correction, ORIGINS, origin)


def _value(what: str, name: str, value: Any, reason: str, correction: str) -> Mistake:
    return Mistake(what, {f"SIO_CORS_{name}": value}, reason, correction)


def _item(what: str, name: str, item: Any, reason: str, correction: str) -> Mistake:
    key = f"SIO_CORS_{name}"
    return Mistake(what, {key: ["X-Right", item]}, reason, correction, key, item)


def _key(key: str, value: Any, correction: str, reason: str = "is no setting") -> Mistake:
    return Mistake(key, {key: value}, reason, correction)


def _all() -> Iterator[Mistake]:
    yield from _misspelt_keys()
    yield from _origins_with_mistakes()
    yield from _what_is_no_origin()
    yield from _globs_and_regexes()
    yield from _origins_of_a_wrong_type()
    yield from _dangerous_with_credentials()
    yield from _switches_and_numbers()
    yield from _own_origins()
    yield from _methods_and_headers()
    yield from _callbacks()


def _misspelt_keys() -> Iterator[Mistake]:
    origins = ["https://app.example.com"]
    yield _key("SIO_CORS_ORIGIN", origins, ORIGINS)
    yield _key("SIO_CORS_ORIGNS", origins, ORIGINS)
    yield _key("SIO_CORS_ORIGINS_", origins, ORIGINS)
    yield _key("sio_cors_origins", origins, ORIGINS)
    yield _key("SIO_CORS_ALLOWED_ORIGINS", origins, ORIGINS)
    yield _key("SIO_CORS_ALLOW_ORIGIN", origins, ORIGINS)
    yield _key("SIO_CORS_ALLOW_ALL_ORIGINS", True, ORIGINS)
    yield _key("SIOCORS_ORIGINS", origins, ORIGINS)
    yield _key("SIO-CORS-ORIGINS", origins, ORIGINS)
    yield _key("FLASK_SIO_CORS_ORIGINS", origins, ORIGINS)
    yield _key("SIO_CORS_CREDENTIALS", True, CREDENTIALS)
    yield _key("SIO_CORS_CREDENTAILS", True, CREDENTIALS)
    yield _key("SIO_CORS_ALLOW_CREDENTIALS", True, CREDENTIALS)
    yield _key("SIO_CORS_SUPPORT_CREDENTIALS", True, CREDENTIALS)
    yield _key("SIO_CORS_ALLOWED_HEADERS", ["X-A"], "SIO_CORS_ALLOW_HEADERS")
    yield _key("SIO_CORS_HEADERS", ["X-A"], "SIO_CORS_ALLOW_HEADERS")
    yield _key("SIO_CORS_EXPOSED_HEADERS", ["X-A"], "SIO_CORS_EXPOSE_HEADERS")
    yield _key("SIO_CORS_METHOD", ["GET"], "SIO_CORS_METHODS")
    yield _key("SIO_CORS_ALLOWED_METHODS", ["GET"], "SIO_CORS_METHODS")
    yield _key("SIO_CORS_MAXAGE", 600, "SIO_CORS_MAX_AGE")
    yield _key("SIO_CORS_PREFLIGHT_MAX_AGE", 600, "SIO_CORS_MAX_AGE")
    yield _key("SIO_CORS_SUCCESS_STATUS", 200, "SIO_CORS_OPTIONS_SUCCESS_STATUS")
    yield _key("SIO_CORS_ALLOW_REQUESTS", None, "SIO_CORS_ALLOW_REQUEST")
    yield _key("SIO_CORS_TOLERATE_INSECURE", True, "SIO_CORS_TOLERATE_INSECURE_ORIGINS")
    yield _key("SIO_CORS_WHITELIST", origins, ORIGINS)
    yield _key("SIO_CORS_ORIGIN_REGEX", origins, ORIGINS)
    yield _key("SIO_CORS", origins, ORIGINS)
    yield _key("SOCKETIO_CORS", "https://app.example.com", ORIGINS)
    lines = f"SIO_CORS_ORIGINS = [{PLACEHOLDER}]\nSIO_CORS_MAX_AGE = 600"
    yield _key("FLASK_SIO_CORS", {"origins": origins, "max_age": 600}, lines, "is a table")
    yield _key("SIO_CORS_RESOURCES", {"/*": {}}, "", "is a setting of Flask-CORS alone")
    yield _key("SIO_CORS_COLOUR", "red", "", "those that exist are SIO_CORS_ORIGINS, ")


def _origins_with_mistakes() -> Iterator[Mistake]:
    yield _origin("a slash", "https://app.example.com/", "has a path", PLACEHOLDER)
    yield _origin("a path", "https://a.example:8443/app", "('/app')", '"https://a.example:8443"')
    yield _origin("a query", "https://a.example?x=1", "a query", '"https://a.example"')
    yield _origin("a fragment", "https://a.example#top", "a fragment", '"https://a.example"')
    yield _origin("a glob path", "https://a.example/*", "has a path", '"https://a.example"')
    yield _origin("user info", "https://me:pw@a.example", "user info", '"https://a.example"')
    yield _origin("upper case", "https://A.Example", "upper-case", '"https://a.example"')
    yield _origin("an upper-case scheme", "HTTPS://a.example", "upper", '"https://a.example"')
    yield _origin("https's port", "https://a.example:443", "default port", '"https://a.example"')
    yield _origin("http's port", "http://a.example:80", "default port", '"http://a.example"')
    yield _origin(
        "a wildcard's default port", "https://*.a.example:443", "default", '"https://*.a.example"'
    )
    yield _origin("no scheme", "a.example", "has no scheme", '"https://a.example"')
    yield _origin("a host and a port", "a.example:81", "no scheme", '"https://a.example:81"')
    yield _origin("a local port", "localhost:3000", "no scheme", '"http://localhost:3000"')
    yield _origin("a wildcard alone", "*.a.example", "no scheme", '"https://*.a.example"')
    yield _origin("a relative URL", "//a.example", "has no scheme", '"https://a.example"')
    yield _origin("one slash", "https:/a.example", 'no "://"', '"https://a.example"')
    yield _origin("no colon", "https//a.example", 'no "://"', '"https://a.example"')
    yield _origin("backslashes", "https:\\\\a.example", 'no "://"', '"https://a.example"')
    yield _origin("a socket's scheme", "wss://a.example", "of the socket", '"https://a.example"')
    yield _origin("a lost letter", "htps://a.example", '"htps:"', '"https://a.example"')
    yield _origin("a doubled letter", "httpss://a.example", '"httpss:"', '"https://a.example"')
    yield _origin("no app's scheme", "ftp://a.example", "no page has", '"https://a.example"')
    yield _origin(
        "Unicode", "https://bücher.example", "punycode", '"https://xn--bcher-kva.example"'
    )
    yield _origin(
        "Unicode in a wildcard", "https://*.bücher.example", "punycode",
        '"https://*.xn--bcher-kva.example"',
    )  # fmt: skip
    yield _origin("an emoji", "https://😀.example", "punycode", '"https://xn--e28h.example"')
    yield _origin("a trailing dot", "https://a.example.", "with a dot", '"https://a.example"')
    yield _origin("a leading dot", "https://.a.example", '"*."', '"https://*.a.example"')
    yield _origin("two dots", "https://a..example", "two dots", '"https://a.example"')
    yield _origin("percent", "https://%61.example", "percent", '"https://a.example"')
    yield _origin("a space before", " https://a.example", "white space", '"https://a.example"')
    yield _origin("a line break", "https://a.example\n", "white space", '"https://a.example"')
    yield _origin("a zero width", "https://a.example\u200b", "white", '"https://a.example"')
    yield _origin("quotes", '"https://a.example"', "has quotes", '"https://a.example"')
    yield _origin("angle brackets", "<https://a.example>", "quotes", '"https://a.example"')
    yield _origin("port 0", "https://a.example:0", "port '0'", '"https://a.example"')
    yield _origin("port 65536", "https://a.example:65536", "from 1 to", '"https://a.example"')
    yield _origin("zeros", "https://a.example:08443", "zeros", '"https://a.example:8443"')
    yield _origin("a port range", "http://a.example:81-83", "several origins",
                  ", ".join(f'"http://a.example:{port}"' for port in (81, 82, 83)))  # fmt: skip
    yield _origin("a wide range", "http://a.example:1-99", "several", '"http://a.example:*"')
    yield _origin("no port's range", "http://a.example:-9", "port '-9'", '"http://a.example"')
    yield _origin("no port", "https://a.example:", "without a port", '"https://a.example"')
    yield _origin("a short IPv4", "http://127.1", "an IPv4", '"http://127.0.0.1"')
    yield _origin("no IPv4", "http://1.2.3.256", "it is not one", PLACEHOLDER)
    yield _origin("a long IPv6", "http://[0:0:0:0:0:0:0:1]", "an IPv6", '"http://[::1]"')
    yield _origin("a bare IPv6", "http://::1:3000", "brackets", '"http://[::1]:3000"')
    yield _origin("an IPv6 zone", "http://[fe80::1%eth0]", "zone", '"http://[fe80::1]"')
    yield _origin("an IPv4 wildcard", "http://*.127.0.0.1", "no subdo", '"http://127.0.0.1"')
    yield _origin("a network", "http://10.1.2.7/24", "is a network", '"http://10.1.2.0/24"')
    yield _origin("a short network", "http://192.168.*:81", "is a network",
                  '"http://192.168.0.0/16:81"')  # fmt: skip
    yield _origin("a network alone", "192.168.0.0/16", "is a network",
                  '"http://192.168.0.0/16:*"')  # fmt: skip
    yield _origin("a range", "http://192.168.1.1-254:4200", "is a network",
                  '"http://192.168.1.0/24:4200"')  # fmt: skip
    yield _origin("an x", "http://192.168.1.x:4200", "is a network",
                  '"http://192.168.1.0/24:4200"')  # fmt: skip
    yield _origin("a public network", "http://8.8.8.0/24", "only a private one", PLACEHOLDER)
    yield _origin("a private host", "192.168.1.10:3000", "no scheme", '"http://192.168.1.10:3000"')
    yield _origin("a machine", "raspberrypi:5000", "no scheme", '"http://raspberrypi:5000"')
    yield _origin("a blank to fill in", "http://YOUR_IP:3000", "is a template", PLACEHOLDER)
    yield _origin("a long label", f"https://{'a' * 64}.example", "63 characters", PLACEHOLDER)
    yield _origin("a long host", f"https://{'a.' * 126}ab", "253 characters", PLACEHOLDER)
    yield _origin("an app's slash", "tauri://localhost/", "a path", '"tauri://localhost"')
    yield _origin("an app's wildcard", "moz-extension://*", "only http: and https:",
                  '"regex:moz-extension://[A-Za-z0-9._-]+"')  # fmt: skip
    yield _origin("a file", "file:///home/me/a.html", "is a path", '"file://"')


def _what_is_no_origin() -> Iterator[Mistake]:
    yield _origin("empty", "", "is empty", "")
    yield _origin("a scheme alone", "https://", "a scheme alone", PLACEHOLDER)
    yield _origin("Null", "Null", "as browsers send it", '"null"')
    yield _origin("self", "'self'", "own is always allowed", "")
    yield _origin("all", "all", "means every origin", PLACEHOLDER)
    yield _origin("a boolean's name", "true", "truth value", PLACEHOLDER)
    yield _origin("about:blank", "about:blank", '"about:"', PLACEHOLDER)
    yield _origin("a blob", "blob:https://a.example/1", "blob", '"https://a.example"')
    yield _origin("a header", "Origin: https://a.example", "header", '"https://a.example"')
    yield _origin("a variable", "https://${HOST}", "a template", PLACEHOLDER)
    yield _origin("a placeholder", "https://<tenant>.a.example", "a template", PLACEHOLDER)
    yield _origin("two with a comma", "https://a.example, https://b.example", "several origins",
                  '"https://a.example", "https://b.example"')  # fmt: skip
    yield Mistake("a wrong item among commas", {ORIGINS: "https://a.example,b.example"},
                  "no scheme", "https://b.example", ORIGINS, "b.example")  # fmt: skip
    yield Mistake("a fallback's origin", {"CORS_ORIGINS": ["a.example"]},
                  "no scheme", '["https://a.example"]', "CORS_ORIGINS", "a.example")  # fmt: skip


def _globs_and_regexes() -> Iterator[Mistake]:
    regex = "looks like a regular expression"
    star = 'a "*" where none can stand'
    yield _origin("a star for the end", "https://a.example.*", "anyone registers", PLACEHOLDER)
    yield _origin("a star in a name", "https://*-a.example", "anyone can register", PLACEHOLDER)
    yield _origin("a star without its dot", "https://*a.example", star, '"https://*.a.example"')
    yield _origin("two stars", "https://*.*.a.example", star, '"https://*.a.example"')
    yield _origin("two stars within a label", "https://app-*-*.a.example", star,
                  r'"regex:https://app-[a-z0-9-]+-[a-z0-9-]+\\.a\\.example"')  # fmt: skip
    yield _origin("a star in the middle", "https://app.*.a.example", star,
                  r'"regex:https://app\\.[a-z0-9-]+\\.a\\.example"')  # fmt: skip
    yield _origin("a star for bytes", "http://10.1.*", "is a network", '"http://10.1.0.0/16"')
    yield _origin("any scheme", "*://a.example", "has no scheme", '"https://a.example"')
    yield _origin("any subdomain", r"https://.*\.a\.example", regex, '"https://*.a.example"')
    yield _origin("anchors", r"^https://[a-z]+\.a\.example$", regex, '"https://*.a.example"')
    yield _origin("a hole", r"https://.*a\.example", regex, '"https://*.a.example"')
    yield _origin("slashes", r"/https:\/\/.*\.a\.example/i", regex, '"https://*.a.example"')
    yield _origin("both schemes", "https?://a.example", regex,
                  '"https://a.example", "http://a.example"')  # fmt: skip
    yield _origin("a choice", r"https://(www|app)\.a\.example", regex,
                  '"https://www.a.example", "https://app.a.example"')  # fmt: skip
    yield _origin("braces", "https://{www,app}.a.example", regex,
                  '"https://www.a.example", "https://app.a.example"')  # fmt: skip
    yield _origin("any port", r"http://localhost:\d+", regex, '"http://localhost:*"')
    yield _origin("another", r"https://app-\d+.a.example", regex,
                  r'"regex:https://app-\\d+\\.a\\.example"')  # fmt: skip
    yield _origin("a glob as an expression", "regex:https://*.a.example", "no wildcard",
                  '"https://*.a.example"')  # fmt: skip
    yield _origin("a compiled glob", re.compile(r"^https://*\.a\.example$"), "no wildcard",
                  '"https://*.a.example"')  # fmt: skip
    yield _origin("a broken one", "https://(a.example", "not a valid one", PLACEHOLDER)
    yield _origin("re.compile in quotes", r're.compile(r"https://a\d\.example")', "Python source",
                  r'"regex:https://a\\d\\.example"')  # fmt: skip


def _origins_of_a_wrong_type() -> Iterator[Mistake]:
    yield _origin("bytes", b"https://a.example", "is bytes", '"https://a.example"')
    yield _origin("a pattern of bytes", re.compile(b"https://a[.]example"), "matches bytes",
                  're.compile(r"https://a[.]example")')  # fmt: skip
    yield _origin("None", None, "os.getenv gives", "")
    yield _origin("a number", 3000, "is an int", PLACEHOLDER)
    letters = {ORIGINS: list("https://a.example")}
    yield Mistake("letters", letters, "taken apart into its letters", '["https://a.example"]')
    yield _origin("a list within", ["https://a.example"], "within the list", '"https://a.example"')
    yield Mistake("a dict", {ORIGINS: {"https://a.example": True}}, "is a dict",
                  f"[{PLACEHOLDER}]")  # fmt: skip
    yield Mistake("the number 80", {ORIGINS: 80}, "is an int", f"[{PLACEHOLDER}]")
    yield Mistake("a star beside others", {ORIGINS: ["https://a.example", "*"]},
                  "decides about every", "", value="*")  # fmt: skip
    yield Mistake("a listed True", {ORIGINS: [True]}, "stands alone", "True")
    yield from _functions_of_origins()


def _functions_of_origins() -> Iterator[Mistake]:
    refuse = "lambda origin: False"
    wanted = "with the origin, nor with the origin and the WSGI environ"
    yield Mistake("a class", {ORIGINS: NotAFunction}, "is a class", refuse)
    yield Mistake("three arguments", {ORIGINS: three_arguments}, wanted,
                  "def three_arguments(origin, environ, more=None):")  # fmt: skip
    yield Mistake("no argument", {ORIGINS: lambda: True}, wanted, "lambda origin: True")
    yield Mistake("the wrong way round", {ORIGINS: environ_first}, "takes the environ first",
                  "def environ_first(origin, environ):")  # fmt: skip
    plain = "def asynchronous(request):  # without await in it"
    yield Mistake("asynchronous", {ORIGINS: asynchronous}, "is asynchronous", plain)
    yield _origin("asynchronous, listed", asynchronous, "is asynchronous", plain)
    here = "tests.support.config_mistakes"
    yield _origin("no module", "no_such_module:allow", "No module named", '"operator:not_"')
    yield _origin("a typo", f"{here}:alow", "no attribute", f'"{here}:allow"')
    yield _origin("a class by its name", f"{here}:NotAFunction", "is a class", '"operator:not_"')
    named = 'as text is "module:name"'
    yield _origin("dots alone", f"{here}.allow", named, f'"{here}:allow"')
    yield _origin("a call", f"{here}.allow()", named, f'"{here}:allow"')
    yield _origin("a call with a typo", f"{here}:alow(origin)", named, f'"{here}:allow"')
    yield _origin("a call of nothing", "no_such_module.allow()", named, '"operator:not_"')
    yield _origin("a host like a module", "tests.example", "no scheme", '"https://tests.example"')
    yield _origin("a constant by its name", "re:IGNORECASE", "is a RegexFlag", '"operator:not_"')
    yield Mistake("a star beside a function", {ORIGINS: [allow, "*"]}, "decides about every",
                  "", value="*")  # fmt: skip


def _dangerous_with_credentials() -> Iterator[Mistake]:
    everyone = "every site act in its visitors' name"
    yield Mistake("star and credentials", {ORIGINS: "*", CREDENTIALS: True},
                  everyone, "False", CREDENTIALS)  # fmt: skip
    yield Mistake("True and credentials", {ORIGINS: True, CREDENTIALS: True},
                  everyone, "False", CREDENTIALS)  # fmt: skip
    yield Mistake("Flask-CORS's star and credentials",
                  {"CORS_ORIGINS": "*", "CORS_SUPPORTS_CREDENTIALS": True},
                  "since CORS_ORIGINS is '*'", "False", "CORS_SUPPORTS_CREDENTIALS")  # fmt: skip
    yield Mistake("null and credentials", {ORIGINS: ["null"], CREDENTIALS: True},
                  "sandboxed iframe", "False", CREDENTIALS)  # fmt: skip
    yield Mistake("file and credentials", {ORIGINS: ["file://"], CREDENTIALS: True},
                  "any page can obtain", "False", CREDENTIALS)  # fmt: skip
    wildcard = '"https://*.example.com"'
    yield _with_credentials("a regex for all", re.compile(".*"), everyone, wildcard)
    yield _with_credentials("any https:", re.compile("https?://.+"), everyone, wildcard)
    any_character = "has a dot that stands for any character"
    yield _with_credentials("a regex with bare dots", re.compile(r"https://.*.a.example"),
                            any_character, r're.compile(r"https://.*\.a\.example")')  # fmt: skip
    yield _with_credentials("a bare dot", re.compile(r"https://[.a]+\.a.example", re.I),
                            any_character, r're.compile(r"https://[.a]+\.a\.example", '
                            "re.IGNORECASE)")  # fmt: skip
    yield _with_credentials("a bare dot before a group", re.compile(r"https://(www.)?a\.example"),
                            any_character,
                            r're.compile(r"https://(www\.)?a\.example")')  # fmt: skip
    yield _with_credentials("a name without its dot", re.compile(r"https://.*a\.example"),
                            'lets in "https://xa.example"',
                            r're.compile(r"https://.*\.a\.example")')  # fmt: skip
    for pattern in (
        r"https://[a-z0-9-]+\.github\.io",
        r"https://.*\.co\.uk",
        r"https://[^.]+\.com",
    ):
        yield _with_credentials(pattern, re.compile(pattern), "whoever registers", wildcard)
    for suffix in ("co.uk", "github.io", "herokuapp.com", "com", "vercel.app", "xn--p1ai"):
        yield _with_credentials(
            suffix,
            f"https://*.{suffix}",
            f'registers a name under "{suffix}"',
            f'"https://your-name.{suffix}"',
        )
    yield _with_credentials("a name below", "https://*.amazonaws.com", "a name under", None)
    yield _with_credentials("http:", "http://a.example", "is not encrypted", '"https://a.example"')
    yield _with_credentials(
        "a wildcard of http:", "http://*.a.example", "not encrypted", '"https://*.a.example"'
    )
    yield _with_credentials(
        "http: on https's port", "http://a.example:443", "not encrypted", '"https://a.example"'
    )
    yield _with_credentials("where a server listens", "http://0.0.0.0:5000", "opened as localhost",
                            '"http://localhost:5000"')  # fmt: skip
    yield _with_credentials("http: in the house", "http://10.0.0.5:81", "not encrypted", "True")
    yield Mistake("all headers and credentials",
                  {CREDENTIALS: "yes", "SIO_CORS_EXPOSE_HEADERS": "*"},
                  'a header called "*"', '"X-Request-Id"', "SIO_CORS_EXPOSE_HEADERS")  # fmt: skip


def _switches_and_numbers() -> Iterator[Mistake]:
    switch, seconds, status = "neither true nor false", "whole number of seconds", "200 to 299"
    yield _value("ture", "SUPPORTS_CREDENTIALS", "ture", switch, "True")
    yield _value("flase", "SUPPORTS_CREDENTIALS", "flase", switch, "False")
    yield _value("maybe", "PREFLIGHT_CONTINUE", "maybe", switch, "False")
    yield _value("2", "ALLOW_PRIVATE_NETWORK", 2, switch, "False")
    yield _value("a list", "TOLERATE_INSECURE_ORIGINS", [], switch, "False")
    yield _value("a comment", "SUPPORTS_CREDENTIALS", "true # for the app", switch, "True")
    yield _value("quotes", "PREFLIGHT_CONTINUE", "'on'", switch, "True")
    yield _value("a comment behind seconds", "MAX_AGE", "1h # an hour", seconds, "3600")
    yield _value("enabled", "TOLERATE_PUBLIC_SUFFIXES", "enabled", switch, "True")
    yield _value("below 0", "MAX_AGE", -1, "is negative", "0")
    yield _value("more than a day", "MAX_AGE", 86401, "more than a day", "86400")
    yield _value("two days", "MAX_AGE", timedelta(days=2), "more than a day", "86400")
    yield _value("10 min", "MAX_AGE", "10 min", seconds, "600")
    yield _value("2h", "MAX_AGE", "2h", seconds, "7200")
    yield _value("a half second", "MAX_AGE", 59.5, seconds, "59")
    yield _value("milliseconds", "MAX_AGE", timedelta(milliseconds=1500), seconds, "1")
    yield _value("True", "MAX_AGE", True, seconds, "600")
    yield _value("forever", "MAX_AGE", "forever", seconds, "600")
    yield _value("302", "OPTIONS_SUCCESS_STATUS", 302, status, "204")
    yield _value("199", "OPTIONS_SUCCESS_STATUS", "199", status, "204")
    yield _value(
        "OK", "OPTIONS_SUCCESS_STATUS", "204 No Content", "number of an HTTP status", "204"
    )
    yield _value(
        "another one and OK", "OPTIONS_SUCCESS_STATUS", "200 OK", "number of an HTTP status", "200"
    )
    yield _value("milliseconds", "CALLBACK_TIMEOUT", "500ms", "above 0", "0.5")
    yield _value("a word for none", "CALLBACK_CACHE", "off", "from 0 to 3600", "0")
    yield _value("minutes", "CALLBACK_CACHE", "2 min", "from 0 to 3600", "120")
    yield _value("None as text", "SUPPORTS_CREDENTIALS", "None", "neither true nor", "False")
    yield _value("no time", "CALLBACK_TIMEOUT", 0, "above 0", "1")
    yield _value("a day", "CALLBACK_CACHE", 86400, "from 0 to 3600", "1")


def _own_origins() -> Iterator[Mistake]:
    def own(item: Any, reason: str, correction: str) -> Mistake:
        config = {"SIO_CORS_OWN_ORIGINS": ["https://right.example", item]}
        return Mistake(str(item), config, reason, correction, "SIO_CORS_OWN_ORIGINS", item)

    yield own("https://*.example.com", "stands for many", '"https://example.com"')
    yield own("http://localhost:*", "stands for many", '"http://localhost"')
    yield own("https://Example.com/", "", '"https://example.com"')
    yield own("https://pr-*.example.com", "stands for many", '"https://pr-1.example.com"')
    yield own("http://10.0.0.0/8", "stands for many", '"https://app.example.com"')
    yield own("https://chat.example.com.", "a dot", '"https://chat.example.com"')
    yield own("192.168.1.0/24", "is a network", '"https://app.example.com"')
    yield own("*.example.com", "has no scheme", '"https://example.com"')
    yield own("null", "is no address of a server", '"https://app.example.com"')
    yield own("capacitor://localhost", "is no address of a server", '"https://app.example.com"')
    yield own("*", "where the origin of this server is needed", '"https://app.example.com"')
    yield own(True, "where the origin of this server is needed", '"https://app.example.com"')
    yield own(re.compile("a"), "where the origin of this server", '"https://app.example.com"')
    yield own(None, "is None", "")


def _methods_and_headers() -> Iterator[Mistake]:
    yield _item("lower case", "METHODS", "post", "not in upper case", '"POST"')
    yield _item("a forbidden method", "METHODS", "TRACE", "browsers forbid", '"POST"')
    yield _item("every method", "METHODS", "*", "is no method", '"GET", "POST"')
    yield _item("two methods", "METHODS", "GET POST", "several methods", '"GET", "POST"')
    yield _item("methods of YAML", "METHODS", "[GET, POST]", "several methods", '"GET", "POST"')
    yield _item("a number", "METHODS", 5, "is an int", '"GET", "POST"')
    yield _value("none", "METHODS", [], "names no method", '["GET", "POST"]')
    yield _value("methods as a number", "METHODS", 5, "list of methods", '["GET", "POST"]')
    allow, expose = "ALLOW_HEADERS", "EXPOSE_HEADERS"
    yield _item("a forbidden header", allow, "Cookie", "only the browser sets", "")
    yield _item("Sec-", allow, "Sec-Fetch-Site", "only the browser", "")
    yield _item("Proxy-", allow, "Proxy-Authorization", "the browser", "")
    yield _item("a response header", allow, "Access-Control-Allow-Origin", "a server sends",
                "")  # fmt: skip
    yield _item("a space", allow, "X Requested With", "' '", '"X-Requested-With"')
    yield _item("a colon", allow, "X-A: 1", "with its value", '"X-A"')
    yield _item("a line break", allow, "X-A\r\nX-B", "several header names", '"X-A", "X-B"')
    yield _item("an umlaut", allow, "X-Größe", "'\\xdf' '\\xf6'", '"X-Gr-e"')
    yield _item("empty", allow, "", "is empty", '"X-Requested-With"')
    yield _item("bytes", allow, b"X-A", "is bytes", '"X-Requested-With"')
    yield _value("a dict", allow, {"X-A": 1}, "is a dict", '["X-Requested-With"]')
    yield _item("a comment", allow, "# for the app", "is a comment", "")
    yield _item("a cookie", expose, "Set-Cookie", "hidden from every page", "")
    yield _value("all and one", expose, ["*", "X-A"], "names every header", '["*"]')


def _callbacks() -> Iterator[Mistake]:
    refuse, by_name = "lambda request: False", '"operator:not_"'
    yield _value("no module", "ALLOW_REQUEST", "no_such_module:allow", "No module named", by_name)
    yield _value(
        "no name", "ALLOW_REQUEST", "tests.support.config_mistakes:nothing", "cannot be", by_name
    )
    yield _value(
        "a typo",
        "ALLOW_REQUEST",
        "tests.support.config_mistakes:alow",
        "has no attribute",
        '"tests.support.config_mistakes:allow"',
    )
    yield _value("a path", "ALLOW_REQUEST", "my/auth.py", "module:name", by_name)
    yield _value("a constant", "ALLOW_REQUEST", "re:IGNORECASE", "is a RegexFlag", by_name)
    yield _value("a switch", "ALLOW_REQUEST", True, "is a bool", refuse)
    yield _value("asynchronous", "ALLOW_REQUEST", asynchronous, "nobody would await",
                 "def asynchronous(request):  # without await in it")  # fmt: skip
    yield _value("an asynchronous object", "ALLOW_REQUEST", AsynchronousObject(), "await",
                 "def __call__(self, request):  # without await in it")  # fmt: skip
    yield _value("a generator", "ALLOW_REQUEST", generator, "is a generator",
                 "def generator(request):  # with return in the place of yield")  # fmt: skip
    yield _value("two arguments", "ALLOW_REQUEST", two_arguments, "request alone",
                 "def two_arguments(request, origin=None):")  # fmt: skip
    yield _value("no argument", "ALLOW_REQUEST", lambda: True, "request alone",
                 "lambda request: True")  # fmt: skip
    yield _value("a class", "ALLOW_REQUEST", NotAFunction, "is a class", refuse)
    yield _value("a partial", "ALLOW_REQUEST", partial(two_arguments, 1, 2), "alone", refuse)


MISTAKES = tuple(_all())
