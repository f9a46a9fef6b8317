# ruff: noqa: RUF001 - letters that look like others are a part of the attacks
"""`Origin` values that try to get in where `https://app.example.com` and its like are allowed.

`POLICIES` are the doors that they try; what each lets in is written beside it. A value that a
policy truly names is none of its enemies, and says so in `named_by`.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

POLICIES: Final = {
    # https://app.example.com
    "exact": """
        app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com", "http://[::1]:3000"]
    """,
    # one or more labels before .example.com
    "subdomain": """
        app.config["SIO_CORS_ORIGINS"] = ["https://*.example.com"]
        app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    """,
    # https://app.example.com and http://localhost with any port, or none
    "any port": """
        app.config["SIO_CORS_ORIGINS"] = "https://app.example.com:*, http://localhost:*"
    """,
    # what everybody writes, and what is a hole where it is applied to any text
    "regex": r"""
        import re
        app.config["SIO_CORS_ORIGINS"] = [re.compile(r"https://.*\.example\.com")]
        app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    """,
    # a parser that is more lenient than browsers are: any port
    "callable": """
        from urllib.parse import urlsplit

        def is_ours(origin):
            parts = urlsplit(origin)
            return parts.scheme == "https" and parts.hostname == "app.example.com"

        app.config["SIO_CORS_ORIGINS"] = is_ours
        app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
    """,
}


class Hostile(NamedTuple):
    """An attack: what it tries, the header's bytes (those of each line, where it comes in several),
    and the policies that name it. `{port}` stands for the server's own port."""

    tries: str
    value: bytes | tuple[bytes, ...]
    named_by: frozenset[str] = frozenset()

    def lines(self, port: int) -> list[tuple[str, bytes]]:
        values = self.value if isinstance(self.value, tuple) else (self.value,)
        return [("Origin", value.replace(b"{port}", b"%d" % port)) for value in values]


APP: Final = b"https://app.example.com"
SUBDOMAIN: Final = frozenset({"subdomain", "regex"})


def _corpus() -> Iterator[Hostile]:
    for group in (
        _other_domains,
        _subdomains,
        _schemes,
        _ports,
        _user_info_and_what_follows_the_host,
        _case_and_dots,
        _opaque,
        _several,
        _control_characters,
        _encodings,
        _odd_characters,
        _international,
        _ip_addresses,
        _own_origin,
        _length,
    ):
        for row in group():
            yield Hostile(*row)


def _other_domains():
    yield "another site", b"https://evil.net"
    yield "the name as a prefix", b"https://app.example.com.evil.net"
    yield "the base domain as a prefix", b"https://example.com.evil.net"
    yield "the name as a prefix, with a hyphen", b"https://app.example.com-evil.net"
    yield "the name as a prefix, with an underscore", b"https://app.example.com_.evil.net"
    yield "the name as a prefix, without a dot", b"https://app.example.comevil.net"
    yield "the name as a suffix", b"https://evilapp.example.com", SUBDOMAIN
    yield "the base domain as a suffix", b"https://evilexample.com"
    yield "the base domain as a suffix, with a hyphen", b"https://evil-example.com"
    yield "the base domain as a suffix, with an underscore", b"https://evil_example.com"
    yield "the wildcard's base domain", b"https://example.com"
    yield "a sibling under the top-level domain", b"https://app.example2.com"
    yield "another top-level domain", b"https://app.example.org"
    yield "a longer top-level domain", b"https://app.example.community"
    yield "a national one behind it", b"https://app.example.com.au"
    yield "a shorter top-level domain", b"https://app.example.co"
    yield "an unescaped dot as a letter", b"https://appxexample.com"
    yield "the other unescaped dot as a letter", b"https://app.examplexcom"
    yield "both unescaped dots as letters", b"https://appxexamplexcom"
    yield "an unescaped dot as a hyphen", b"https://app-example.com"
    yield "an unescaped dot as a slash", b"https://app/example.com"
    yield "an unescaped dot as a colon", b"https://app:example.com"
    yield "an unescaped dot as an at sign", b"https://app@example.com"
    yield "the name as a label of another", b"https://app.example.com.s3.amazonaws.com"
    yield "the name on a public suffix", b"https://app-example-com.github.io"
    yield "a swapped order", b"https://com.example.app"
    yield "a missing label", b"https://app.com"
    yield "the top-level domain alone", b"https://com"
    yield "no host", b"https://"
    yield "no scheme", b"app.example.com"
    yield "a relative URL", b"//app.example.com"
    yield "a wildcard, literally", b"https://*.example.com"
    yield "a star", b"*"
    yield "a wildcard port, literally", b"http://localhost:*"
    yield "the regular expression's own text", rb"https://.*\.example\.com"
    yield "a single letter", b"a"
    yield "localhost with a suffix", b"http://localhost.evil.net"
    yield "localhost with a prefix", b"http://evillocalhost"
    yield "localhost under another name", b"http://evil.localhost"
    yield "localhost's domain", b"http://localhost.localdomain"
    yield "a typing error", b"https://app.exampel.com"
    yield "a doubled name", b"https://app.example.comhttps://app.example.com"
    yield "the name after another origin", b"https://evil.nethttps://app.example.com"
    yield "the name after a hyphen and a scheme", b"https://evil.net-https://app.example.com"


def _subdomains():
    yield "a subdomain of an exact origin", b"https://evil.app.example.com", SUBDOMAIN
    yield "a deep one", b"https://a.b.c.d.e.app.example.com", SUBDOMAIN
    yield "a neighbour", b"https://evil.example.com", SUBDOMAIN
    yield "the name within the wildcard", b"https://app.example.com.example.com", SUBDOMAIN
    yield "an empty label", b"https://.example.com"
    yield "an empty label in the middle", b"https://app..example.com"
    yield "two empty labels", b"https://...example.com"
    yield "a dot before the name", b"https://.app.example.com"
    yield "a wildcard's hole filled with another host", b"https://evil.net/.example.com"
    yield "the hole filled with a port", b"https://evil.net:443.example.com"
    yield "the hole filled with a port and a slash", b"https://evil.net:8443/.example.com"
    yield "the hole filled with a query", b"https://evil.net?.example.com"
    yield "the hole filled with a fragment", b"https://evil.net#.example.com"
    yield "the hole filled with a user", b"https://evil.net@.example.com"
    yield "the hole filled with a backslash", b"https://evil.net\\.example.com"
    yield "the hole filled with a percent sign", b"https://evil.net%2f.example.com"
    yield "the hole filled with a space", b"https://evil.net .example.com"
    yield "the hole filled with a tab", b"https://evil.net\t.example.com"
    yield "the hole filled with a NUL", b"https://evil.net\x00.example.com"
    yield "the hole filled with an address", b"https://[::1].example.com"
    yield "a label of 64 characters", b"https://" + b"a" * 64 + b".example.com"
    yield "an empty host under the wildcard's port", b"http://:3000"


def _schemes():
    yield "without encryption", b"http://app.example.com"
    yield "the socket's scheme", b"wss://app.example.com"
    yield "the other socket's scheme", b"ws://app.example.com"
    yield "ftp", b"ftp://app.example.com"
    yield "a scheme with a suffix", b"httpsx://app.example.com"
    yield "a scheme with a prefix", b"xhttps://app.example.com"
    yield "a scheme with a plus", b"https+evil://app.example.com"
    yield "upper case in the scheme", b"HTTPS://app.example.com"
    yield "mixed case in the scheme", b"hTTps://app.example.com"
    yield "one slash", b"https:/app.example.com"
    yield "no slash", b"https:app.example.com"
    yield "three slashes", b"https:///app.example.com"
    yield "backslashes", b"https:\\\\app.example.com"
    yield "mixed slashes", b"https:/\\app.example.com"
    yield "no colon", b"https//app.example.com"
    yield "a doubled scheme", b"https://https://app.example.com"
    yield "a nested scheme", b"blob:https://app.example.com"
    yield "a view of the source", b"view-source:https://app.example.com"
    yield "a file system", b"filesystem:https://app.example.com"
    yield "a feed", b"feed:https://app.example.com"
    yield "an empty scheme", b"://app.example.com"
    yield "a space before the colon", b"https ://app.example.com"
    yield "a script", b"javascript:https://app.example.com"
    yield "a script with the host as a comment", b"javascript://app.example.com/%0aalert(1)"
    yield "data", b"data:text/html,https://app.example.com"
    yield "a URL's path", b"data://app.example.com"
    yield "https for localhost", b"https://localhost:3000"


def _ports():
    ported = frozenset({"any port", "callable"})
    yield "another port", b"https://app.example.com:8443", ported
    yield "the highest port", b"https://app.example.com:65535", ported
    yield "the other scheme's port", b"https://app.example.com:80", ported
    yield "the default port", b"https://app.example.com:443"
    yield "the default port in zeros", b"https://app.example.com:0443"
    yield "port 0", b"https://app.example.com:0"
    yield "a port too high", b"https://app.example.com:65536"
    yield "five nines", b"https://app.example.com:99999"
    yield "a port that wraps to the default", b"https://app.example.com:65979"
    yield "a port that wraps around 2**32", b"https://app.example.com:4294967739"
    yield "a leading zero", b"https://app.example.com:08443"
    yield "a negative port", b"https://app.example.com:-1"
    yield "a signed port", b"https://app.example.com:+8443"
    yield "an empty port", b"https://app.example.com:"
    yield "two ports", b"https://app.example.com:443:8443"
    yield "two colons", b"https://app.example.com::8443"
    yield "a port in letters", b"https://app.example.com:https"
    yield "a hexadecimal port", b"https://app.example.com:0x20fb"
    yield "a port with a space", b"https://app.example.com: 8443"
    yield "a port with an underscore", b"https://app.example.com:84_43"
    yield "a port with a host behind it", b"https://app.example.com:8443.evil.net"
    yield "a port that is a host", b"https://app.example.com:evil.net"
    yield "a port with a user behind it", b"https://app.example.com:8443@evil.net"
    yield "superscript digits", "https://app.example.com:³".encode("latin-1")
    yield "Arabic digits", "https://app.example.com:٣٠٠٠".encode()
    yield "fullwidth digits", "https://app.example.com:８４４３".encode()
    yield "the default port of http", b"http://localhost:80"
    yield "localhost, port 0", b"http://localhost:0"
    yield "localhost, a port too high", b"http://localhost:65536"
    yield "localhost, six digits", b"http://localhost:100000"
    yield "localhost, a host behind the port", b"http://localhost:3000.evil.net"
    yield "localhost, as a user", b"http://localhost:3000@evil.net"
    yield "localhost, a colon", b"http://localhost:"
    yield "localhost, a path for a port", b"http://localhost:/3000"


def _user_info_and_what_follows_the_host():
    yield "a user", b"https://evil@app.example.com"
    yield "a user and a password", b"https://evil:pw@app.example.com"
    yield "an empty user", b"https://@app.example.com"
    yield "an empty password", b"https://:@app.example.com"
    yield "the name as a user", b"https://app.example.com@evil.net"
    yield "the name as a password", b"https://x:app.example.com@evil.net"
    yield "two at signs", b"https://evil.net@evil.net@app.example.com"
    yield "a slash", b"https://app.example.com/"
    yield "a path", b"https://app.example.com/evil"
    yield "the name as a path", b"https://evil.net/https://app.example.com"
    yield "the name as a path's end", b"https://evil.net/app.example.com"
    yield "a query", b"https://app.example.com?evil"
    yield "the name as a query", b"https://evil.net?https://app.example.com"
    yield "a fragment", b"https://app.example.com#evil"
    yield "the name as a fragment", b"https://evil.net#@app.example.com"
    yield "a backslash for a path", b"https://evil.net\\app.example.com"
    yield "a backslash and a user", b"https://evil.net\\@app.example.com"
    yield "a backslash behind the name", b"https://app.example.com\\.evil.net"
    yield "a semicolon", b"https://app.example.com;evil.net"
    yield "path parameters", b"https://app.example.com;jsessionid=1"


def _case_and_dots():
    yield "an upper-case host", b"https://APP.EXAMPLE.COM"
    yield "one upper-case letter", b"https://app.Example.com"
    yield "an upper-case label for the wildcard", b"https://EVIL.example.com"
    yield "a trailing dot", b"https://app.example.com."
    yield "two trailing dots", b"https://app.example.com.."
    yield "a trailing dot and a port", b"https://app.example.com.:8443"
    yield "a trailing dot under the wildcard", b"https://evil.example.com."
    yield "localhost, a trailing dot", b"http://localhost.:3000"
    yield "localhost in upper case", b"http://LOCALHOST:3000"


def _opaque():
    yield "null", b"null"
    yield "null in upper case", b"NULL"
    yield "Null", b"Null"
    yield "quoted null", b'"null"'
    yield "undefined", b"undefined"
    yield "None", b"None"
    yield "true", b"true"
    yield "empty", b""
    yield "white space alone", b" \t "
    yield "a file", b"file://"
    yield "a file's path", b"file:///etc/passwd"
    yield "a file on a host", b"file://app.example.com"
    yield "an extension", b"chrome-extension://aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
    yield "another browser's extension", b"moz-extension://00000000-0000-0000-0000-000000000000"
    yield "an app", b"capacitor://localhost"
    yield "an app with the allowed host", b"capacitor://app.example.com"
    yield "an app with the allowed host and port", b"ionic://localhost:3000"
    yield "a blank page", b"about:blank"
    yield "a source document", b"about:srcdoc"
    yield "a resource", b"resource://app.example.com"
    yield "an unknown scheme", b"x://app.example.com"


def _several():
    yield "two origins, a comma", b"https://evil.net,https://app.example.com"
    yield "two origins, a comma and a space", b"https://app.example.com, https://evil.net"
    yield "two origins, a space", b"https://app.example.com https://evil.net"
    yield "two origins, the allowed one last", b"https://evil.net https://app.example.com"
    yield "two origins, a semicolon", b"https://app.example.com;https://evil.net"
    yield "two origins, a tab", b"https://app.example.com\thttps://evil.net"
    yield "two origins, a bar", b"https://evil.net|https://app.example.com"
    yield "null and an origin", b"null, https://app.example.com"
    yield "a star and an origin", b"*, https://app.example.com"
    yield "the same origin twice", b"https://app.example.com, https://app.example.com"
    yield "a trailing comma", b"https://app.example.com,"
    yield "a leading comma", b",https://app.example.com"
    yield "a JSON list", b'["https://app.example.com"]'
    yield "double quotes", b'"https://app.example.com"'
    yield "single quotes", b"'https://app.example.com'"
    yield "angle brackets", b"<https://app.example.com>"
    yield "two header lines", (b"https://app.example.com", b"https://evil.net")
    yield (
        "two header lines, the allowed one last",
        (b"https://evil.net", b"https://app.example.com"),
    )
    yield "the allowed one in two lines", (b"https://app.example.com", b"https://app.example.com")
    yield "an empty line before", (b"", b"https://app.example.com")
    yield "an empty line behind", (b"https://app.example.com", b"")
    yield "null in a second line", (b"https://app.example.com", b"null")
    yield "fifty lines", (b"https://evil.net",) * 50


def _control_characters():
    for code in (0, 1, 7, 8, 11, 12, 14, 27, 28, 30, 31, 127):
        yield f"\\x{code:02x} behind", APP + bytes([code]) + b".evil.net"
        yield f"\\x{code:02x} at the end", APP + bytes([code])
    yield "NUL before", b"\x00" + APP
    yield "NUL in the scheme", b"https\x00://app.example.com"
    yield "NUL in the host", b"https://app.example\x00.com"
    yield "a tab in the host", b"https://app.example\t.com"
    yield "a tab behind the scheme", b"https:\t//app.example.com"
    yield "an escape sequence for terminals", b"https://\x1b[2J\x1b[31mevil.net"
    yield "a line feed, a folded line", APP + b"\n .evil.net"
    yield "CR and LF, a folded line", APP + b"\r\n .evil.net"
    yield "CR and LF, folded with a tab", APP + b"\r\n\t, https://evil.net"
    yield "a folded line before", b"https://evil.net\r\n https://app.example.com"
    yield "CR and LF, a header", b"https://evil.net\r\nX-Evil: 1"
    yield "CR and LF, a response header", b"https://evil.net\r\nAccess-Control-Allow-Origin: *"
    yield "LF, a header", b"https://evil.net\nSet-Cookie: a=b"
    yield "CR, a header", b"https://evil.net\rSet-Cookie: a=b"
    yield "CR in the host", b"https://evil.net\r.example.com"
    yield "CR, no header", b"https://evil.net\rhttps://app.example.com"
    yield "a log line of its own", b"https://evil.net\r\n WARNING:root:All is well"
    yield "a next line (C1)", b"https://evil.net\x85https://app.example.com"
    yield "a control sequence (C1)", b"https://\x9b2Jevil.net"
    yield "a line separator", "https://evil.net\u2028https://app.example.com".encode()
    yield "a format string", b"https://%s%s%n%(message)s{0}evil.net"


def _encodings():
    yield "an encoded dot", b"https://app%2eexample%2ecom"
    yield "an encoded letter", b"https://%61pp.example.com"
    yield "an encoded letter under the wildcard", b"https://%65vil.example.com"
    yield "an encoded slash", b"https://evil.net%2fapp.example.com"
    yield "an encoded at sign", b"https://evil.net%40app.example.com"
    yield "an encoded NUL", b"https://app.example.com%00.evil.net"
    yield "an encoded CR and LF", b"https://app.example.com%0d%0aX-Evil:%201"
    yield "an encoded space", b"https://app.example.com%20"
    yield "a doubly encoded dot", b"https://app%252eexample.com"
    yield "an encoded colon", b"https%3a//app.example.com"
    yield "all encoded", b"https%3A%2F%2Fapp.example.com"
    yield "an entity", b"https://app&#46;example.com"
    yield "an encoded word", b"=?utf-8?q?https://app.example.com?="
    yield "a UTF-16 text", "https://app.example.com".encode("utf-16-le")
    yield "a byte order mark", b"\xef\xbb\xbfhttps://app.example.com"
    yield "bytes that are no UTF-8", b"https://\xff\xfe.example.com"
    yield "an overlong dot", b"https://app\xc0\xaeexample.com"
    yield "an overlong slash", b"https://evil.net\xc0\xaf.example.com"
    yield "an encoded surrogate", b"https://\xed\xa0\x80.example.com"
    yield "a cut sequence", b"https://app.example.com\xe2\x82"
    yield "all bytes above ASCII", bytes(range(128, 256))
    yield "a no-break space", b"https://app.example.com\xa0"
    yield "a soft hyphen", b"https://app.exam\xadple.com"


def _odd_characters():
    """What the URL standard's host parser, or an older browser's, lets through."""
    for character in "`!$&'()*+,;={}|~^\"<>[]%":
        yield f"{character} in a label", f"https://evil.net{character}.example.com".encode()
    yield "a backtick behind the name", b"https://app.example.com`.evil.net"
    yield "a brace behind the name", b"https://app.example.com}.evil.net"
    yield "an exclamation mark behind the name", b"https://app.example.com!.evil.net"
    yield "a hyphen behind the name", b"https://app.example.com-"
    yield "a hyphen before the name", b"https://-app.example.com", SUBDOMAIN


def _international():
    yield "a Cyrillic letter", "https://аpp.example.com".encode()
    yield "a Cyrillic letter in punycode", b"https://xn--pp-7kc.example.com", SUBDOMAIN
    yield "a Cyrillic base domain in punycode", b"https://app.xn--exmple-4nf.com"
    yield "mixed Unicode and punycode", "https://xn--pp-7kc.ехample.com".encode()
    yield "an umlaut in Latin-1", "https://äpp.example.com".encode("latin-1")
    yield "an umlaut in UTF-8", "https://äpp.example.com".encode()
    yield "a dotless i", "https://app.example.com/ı".encode()
    yield "a long s", "https://app.example.com".replace("s", "ſ").encode()
    yield "a Kelvin sign", "https://app.e\u212aample.com".encode()
    yield "fullwidth letters", "https://ａｐｐ.example.com".encode()
    yield "an ideographic full stop", "https://app。example.com".encode()
    yield "a fullwidth full stop", "https://evil.net．example.com".encode()
    yield "a fullwidth slash", "https://evil.net／.example.com".encode()
    yield "a fullwidth at sign", "https://evil.net＠app.example.com".encode()
    yield "a care-of sign", "https://evil.net℀.example.com".encode()
    yield "a division slash", "https://evil.net∕.example.com".encode()
    yield "a zero-width space", "https://app.example.com\u200b".encode()
    yield "a zero-width joiner", "https://app\u200d.example.com".encode()
    yield "right to left", "https://\u202emoc.elpmaxe.ppa".encode()
    yield "a combining accent", "https://app\u0301.example.com".encode()
    yield "an emoji", "https://😀.example.com".encode()
    yield "punycode in upper case", b"https://XN--PP-7KC.example.com"
    yield "an empty punycode label", b"https://xn--.evil.net"
    yield "the name in mathematical letters", "https://𝐚𝐩𝐩.example.com".encode()


def _ip_addresses():
    yield "IPv4", b"http://127.0.0.1:3000"
    yield "IPv4, short", b"http://127.1:3000"
    yield "IPv4, one number", b"http://2130706433:3000"
    yield "IPv4, hexadecimal", b"http://0x7f000001:3000"
    yield "IPv4, octal", b"http://0177.0.0.1:3000"
    yield "IPv4, leading zeros", b"http://127.000.000.001:3000"
    yield "IPv4, another byte", b"http://127.0.0.2:3000"
    yield "IPv4, all addresses", b"http://0.0.0.0:3000"
    yield "IPv4, a trailing dot", b"http://127.0.0.1.:3000"
    yield "IPv4 with a name behind", b"http://127.0.0.1.nip.io:3000"
    yield "IPv4 before the name", b"https://127.0.0.1.example.com.evil.net"
    yield "IPv6, another port", b"http://[::1]:3001"
    yield "IPv6, no port", b"http://[::1]"
    yield "IPv6, written out", b"http://[0:0:0:0:0:0:0:1]:3000"
    yield "IPv6, zeros", b"http://[0000::0001]:3000"
    yield "IPv6, a leading zero", b"http://[::01]:3000"
    yield "IPv6, an IPv4 tail", b"http://[::0.0.0.1]:3000"
    yield "IPv6, mapped", b"http://[::ffff:127.0.0.1]:3000"
    yield "IPv6, mapped in hexadecimal", b"http://[::ffff:7f00:1]:3000"
    yield "IPv6, upper case", b"http://[::FFFF:7F00:1]:3000"
    yield "IPv6, unspecified", b"http://[::]:3000"
    yield "IPv6, a zone", b"http://[::1%eth0]:3000"
    yield "IPv6, an encoded zone", b"http://[::1%25eth0]:3000"
    yield "IPv6, a zone with the name", b"https://[fe80::1%25.example.com]"
    yield "IPv6, no brackets", b"http://::1:3000"
    yield "IPv6, one bracket", b"http://[::1:3000"
    yield "IPv6, two brackets", b"http://[[::1]]:3000"
    yield "IPv6, a name behind", b"http://[::1].evil.net:3000"
    yield "IPv6, a name within", b"https://[app.example.com]"
    yield "IPv6, a later version", b"http://[v1.app.example.com]:3000"
    yield "IPv6, with https", b"https://[::1]:3000"


def _own_origin():
    """The server's own origin, in spellings that no browser sends."""
    yield "own, another host", b"http://evil.net:{port}"
    yield "own, another scheme", b"https://127.0.0.1:{port}"
    yield "own, another name", b"http://loopback:{port}"
    yield "own, short", b"http://127.1:{port}"
    yield "own, no port", b"http://127.0.0.1"
    yield "own, the port and more", b"http://127.0.0.1:{port}0"
    yield "own, a zero in the port", b"http://127.0.0.1:0{port}"
    yield "own, upper case", b"HTTP://127.0.0.1:{port}"
    yield "own, a slash", b"http://127.0.0.1:{port}/"
    yield "own, a user", b"http://evil@127.0.0.1:{port}"
    yield "own, as a user", b"http://127.0.0.1:{port}@evil.net"
    yield "own, a suffix", b"http://127.0.0.1:{port}.evil.net"
    yield "own, a list", b"http://127.0.0.1:{port}, http://evil.net"
    yield "own, two lines", (b"http://127.0.0.1:{port}", b"http://evil.net")
    yield "own, a NUL", b"http://127.0.0.1:{port}\x00"
    yield "own, a trailing dot", b"http://127.0.0.1.:{port}"


def _length():
    yield "300 characters", b"https://" + b"a." * 140 + b"example.com.evil.net"
    yield "301 characters, an allowed end", b"https://" + b"a." * 141 + b"example.com"
    yield "4 kB of labels", b"https://" + b"a." * 2000 + b"example.com"
    yield "4 kB of dots", b"https://" + b"." * 4000 + b"example.com"
    yield "7 kB of one label", b"https://" + b"a" * 7000 + b".example.com"
    yield "7 kB behind the name", APP + b"." + b"a" * 7000
    yield "7 kB of slashes", b"https:" + b"/" * 7000 + b"app.example.com"
    yield "7 kB of digits", APP + b":" + b"1" * 7000
    yield "7 kB of brackets", b"http://" + b"[" * 7000
    yield "7 kB of commas", b"," * 7000
    yield "9 kB", b"https://" + b"a" * 9000 + b".example.com"
    yield "64 kB", APP + b"." + b"a" * 65536
    yield "a megabyte", APP + b"/" + b"a" * 2**20
    yield "a megabyte of origins", b", ".join([APP] * 43_000)


CORPUS: Final = tuple(_corpus())

#: What HTTP makes the allowed origin itself of, and what a client alone can send: white space
#: around the value (RFC 9110, section 5.5), another header line, a second request.
TRANSPARENT: Final = {
    "a space before": b" " + APP,
    "tabs around": b"\t" + APP + b"\t",
    "spaces behind": APP + b"   ",
    "CR and LF, a header of its own": APP + b"\r\nX-Evil: 1",
    "LF, a header of its own": APP + b"\nX-Evil: 1",
    "an empty folded line": APP + b"\r\n ",
}
