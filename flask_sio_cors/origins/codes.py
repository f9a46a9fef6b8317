"""What can be wrong with an origin, or another setting: a code for programs, and its sentence.

A sentence is a verb and its objects; who it is about, and what to write instead, stand beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum


class Code(str, Enum):
    """What is wrong; equal to its text, which does not change from one version to the next.

    :ivar sentence: what is said of it, with places for what was found.
    """

    sentence: str

    def __new__(cls, text: str, sentence: str = "") -> Code:
        """Make a member."""
        code = str.__new__(cls, text)
        code._value_ = text
        code.sentence = sentence
        return code

    def __str__(self) -> str:
        return str(self.value)

    def said(self, *found: object) -> Said:
        """Return the sentence, with what was found."""
        return Said(self, self.sentence.format(*found))

    IS_COMMENT = "is-comment", "is a comment, which this text cannot have"
    # --- What stands in an origin's place ------------------------------------------------------
    ORIGIN_EMPTY = "origin-empty", "is empty, and no origin is"
    ORIGIN_IS_NONE = "origin-is-none", "is None, as os.getenv gives for a variable that is not set"
    ORIGIN_IS_VALUE = "origin-is-value", "is a number or a truth value, and no origin"
    ORIGIN_OF_WRONG_TYPE = "origin-of-wrong-type", "is {}, where an origin is needed"
    ORIGIN_IS_LIST = (
        "origin-is-list",
        "is {} within the list, where its items belong into the list itself",
    )
    ORIGINS_SPELLED_OUT = (
        "origins-spelled-out",
        "is a text that was taken apart into its letters, as list(…) and set(…) do",
    )
    ORIGIN_MISSPELT = "origin-misspelt", "is not spelled as browsers send it"
    ORIGIN_EXCLUDED = (
        "origin-excluded",
        "keeps an origin out, where a list only lets in; name those that may, or write a function",
    )
    ORIGIN_IS_PATH = "origin-is-path", "is a path, and no origin has one"
    ORIGIN_IS_SCHEME = "origin-is-scheme", "is a scheme alone, and an origin names a host too"
    ORIGIN_MEANS_ALL = (
        "origin-means-all",
        'means every origin; list those that may connect, or write "*" alone',
    )
    ORIGIN_NOT_ALONE = (
        "origin-not-alone",
        "decides about every origin, so that it cannot stand beside others",
    )
    ORIGIN_ALONE = "origin-alone", "is a list with {}, which stands alone"
    ORIGIN_IS_OWN = (
        "origin-is-own",
        "is no origin, and the server's own is always allowed",
    )
    ORIGIN_OF_OPENER = (
        "origin-of-opener",
        'has the scheme "{}", whose pages have the origin of who opened them, or "null"',
    )
    ORIGIN_IS_HEADER = (
        "origin-is-header",
        "has the name of a header or a variable before it, where only the value belongs",
    )
    ORIGIN_IS_SOURCE = (
        "origin-is-source",
        "is Python source; as text, a regular expression is regex:…",
    )
    FUNCTION_MISSPELT = (
        "function-misspelt",
        'is a function, whose name as text is "module:name", and which is not called there',
    )
    ORIGIN_UNFILLED = "origin-unfilled", "is a template or source that nothing has filled in"
    ORIGINS_IN_ONE = (
        "origins-in-one",
        "holds several origins in one text, where each needs a text of its own",
    )
    ORIGIN_SURROUNDED = "origin-surrounded", "has something else around the origin"
    NETWORK_MISSPELT = "network-misspelt", "is a network, and not written as one"
    NETWORK_PUBLIC = (
        "network-public",
        "is a network, and only a private one can be listed, as others are strangers'",
    )
    FILE_HAS_PATH = "file-has-path", "is a path, where browsers send the scheme alone"
    FILE_HAS_HOST = (
        "file-has-host",
        'names a host, and for files browsers send "file://" or "null" alone',
    )
    # --- An origin with mistakes ---------------------------------------------------------------
    ORIGIN_HAS_LINES = "origin-has-lines", "has more than one line"
    ORIGIN_HAS_SPACE = (
        "origin-has-space",
        "has white space or control characters around or in it",
    )
    ORIGIN_HAS_QUOTES = "origin-has-quotes", "has quotes, brackets or separators around it"
    ORIGIN_HAS_WIDE = "origin-has-wide", "has full-width characters, where browsers send ASCII"
    ORIGIN_HAS_PREFIX = "origin-has-prefix", 'has "{1}:" before the URL of the page'
    ORIGIN_LACKS_SLASHES = "origin-lacks-slashes", 'has no "://" after its scheme'
    ORIGIN_HAS_USER = "origin-has-user", "has user information, which no origin contains"
    SCHEME_UPPER_CASE = (
        "scheme-upper-case",
        "has upper-case letters in its scheme, which browsers send in lower case",
    )
    SCHEME_OF_SOCKET = (
        "scheme-of-socket",
        'has the scheme of the socket ("{0}:"), not that of the page',
    )
    SCHEME_UNKNOWN = "scheme-unknown", 'has the scheme "{0}:", which no page has'
    SCHEME_MISSING = (
        "scheme-missing",
        "has no scheme that browsers could send, and every origin starts with one",
    )
    ORIGIN_HAS_PATH = (
        "origin-has-path",
        "has a path, a query or a fragment ({2!r:.40}), which no origin contains",
    )
    PORT_MISSING = "port-missing", "has a colon without a port"
    PORT_HAS_ZEROS = "port-has-zeros", "has a port with leading zeros"
    PORT_INVALID = (
        "port-invalid",
        "has the port {1!r:.40}, where a number from 1 to 65535 or * can stand",
    )
    PORT_DEFAULT = (
        "port-default",
        'names the default port of "{1}:", which browsers leave out',
    )
    HOST_HAS_ZONE = "host-has-zone", "has an IPv6 zone, which no origin contains"
    HOST_LACKS_BRACKETS = "host-lacks-brackets", "has an IPv6 address without its brackets"
    HOST_PERCENT_ENCODED = (
        "host-percent-encoded",
        "has percent-encoding, which browsers decode in a host",
    )
    HOST_NOT_ASCII = (
        "host-not-ascii",
        "has letters outside ASCII in its host, which browsers send as punycode",
    )
    HOST_UPPER_CASE = (
        "host-upper-case",
        "has upper-case letters in its host, which browsers send in lower case",
    )
    STAR_MISPLACED = (
        "star-misplaced",
        'has a "*" where none can stand: it stands for whole labels at the start of the host '
        '("https://*.example.com"), for a part of one label ("https://pr-*.example.com"), or for '
        'the port ("http://localhost:*")',
    )
    STAR_IN_APP = (
        "star-in-app",
        "has a wildcard, which only http: and https: origins can have",
    )
    HOST_HAS_EMPTY_LABEL = "host-has-empty-label", "has two dots in a row in its host"
    HOST_STARTS_WITH_DOT = (
        "host-starts-with-dot",
        'starts its host with a dot, where "*." stands for subdomains',
    )
    STAR_BEFORE_ADDRESS = (
        "star-before-address",
        "has a wildcard before an IP address, which has no subdomains",
    )
    IPV4_MISSPELT = "ipv4-misspelt", "has an IPv4 address in a form that no browser sends"
    IPV6_MISSPELT = "ipv6-misspelt", "has an IPv6 address in a form that no browser sends"
    HOST_HAS_COMMA = "host-has-comma", "has a comma in its host, where a dot was meant"
    HOST_ENDS_WITH_DOT = (
        "host-ends-with-dot",
        "ends its host with a dot, which makes it another host; where both are meant, list both",
    )
    HOST_MISSING = "host-missing", "has no host"
    HOST_INVALID = "host-invalid", "{}"
    # --- Regular expressions -------------------------------------------------------------------
    REGEX_AS_TEXT = (
        "regex-as-text",
        "looks like a regular expression, which as text is written regex:…{}",
    )
    REGEX_UPPER_CASE = (
        "regex-upper-case",
        "is a regular expression, which starts with regex: in small letters",
    )
    REGEX_IS_GLOB = (
        "regex-is-glob",
        'is an expression, in which "/*" is any number of slashes, and no wildcard',
    )
    REGEX_INVALID = "regex-invalid", "is no valid regular expression ({})"
    REGEX_SWALLOWS = (
        "regex-swallows",
        "is an expression with other entries behind it, and one runs to the end of its line; write "
        "it on a line of its own, or last",
    )
    REGEX_OF_BYTES = "regex-of-bytes", "matches bytes, and an origin is text"
    REGEX_UNFIT = "regex-unfit", "{}"
    ORIGIN_OF_BYTES = "origin-of-bytes", "is bytes, and an origin is text"
    # --- With credentials ----------------------------------------------------------------------
    CREDENTIALS_FOR_ALL = "credentials-for-all", "lets every site act in its visitors' name{}"
    CREDENTIALS_FOR_OPAQUE = "credentials-for-opaque", 'cannot go with "{}": any page can {}'
    CREDENTIALS_FOR_INSECURE = (
        "credentials-for-insecure",
        "is not encrypted, so that anyone on the way can speak in its name, {}",
    )
    CREDENTIALS_FOR_STRANGERS = "credentials-for-strangers", "{}"
    CREDENTIALS_WITH_STAR = (
        "credentials-with-star",
        'means a header called "*" where {} is set (Fetch, 3.3.3); name them',
    )
    # --- Methods and headers -------------------------------------------------------------------
    NAME_OF_WRONG_TYPE = "name-of-wrong-type", "is {}, where one of the {} is needed"
    NAMES_IN_ONE = (
        "names-in-one",
        "holds several {} in one text, where each needs a text of its own",
    )
    NAME_EMPTY = "name-empty", "is empty, and none of the {} is"
    NAME_INVALID = (
        "name-invalid",
        "has characters that no such name has: {} (RFC 9110, section 5.6.2)",
    )
    METHOD_FORBIDDEN = (
        "method-forbidden",
        "is a method that browsers forbid (Fetch standard, 2.2.1)",
    )
    METHOD_IS_STAR = "method-is-star", "is no method; Engine.IO has only GET and POST"
    METHOD_LOWER_CASE = (
        "method-lower-case",
        "is not in upper case, and methods are case-sensitive",
    )
    METHODS_MISSING = "methods-missing", "names no method; Engine.IO needs GET and POST"
    HEADER_HAS_VALUE = (
        "header-has-value",
        "is a header with its value, where only its name belongs",
    )
    HEADER_FORBIDDEN = (
        "header-forbidden",
        "is a header that only the browser sets, so no page can send it (Fetch, 2.2.2)",
    )
    HEADER_IS_PATTERN = (
        "header-is-pattern",
        "looks like a regular expression, but browsers compare header names whole",
    )
    HEADER_OF_ANSWER = (
        "header-of-answer",
        "is a header that a server sends, and this list is of those a page sends",
    )
    HEADER_HIDDEN = "header-hidden", "is hidden from every page (Fetch standard, 2.2.2)"
    HEADERS_AND_STAR = "headers-and-star", "names every header and then single ones"
    # --- Keys, and options of SocketIO ---------------------------------------------------------
    KEY_UNKNOWN = "key-unknown", "is no setting, so it would silently do nothing"
    KEY_OF_ALL = "key-of-all", "is a table, where each setting is a key of its own"
    KEY_OF_FLASK_CORS = (
        "key-of-flask-cors",
        "is a setting of Flask-CORS alone; a Socket.IO server has no use for it",
    )
    OPTION_CONFLICTS = (
        "option-conflicts",
        "decides in another place; with SioCors, the SIO_CORS_ settings decide",
    )
    OPTION_UNKNOWN = (
        "option-unknown",
        "is no option of Flask-SocketIO, so it silently does nothing",
    )
    POLICY_INVALID = "policy-invalid", "is no policy, or one that nothing can choose"
    HOSTS_INVALID = "hosts-invalid", "is no host that a policy can be for"
    TRUSTED_HOSTS_INVALID = (
        "trusted-hosts-invalid",
        "is no list of host names, so that Flask would answer every request with an error",
    )
    # --- Anything else about the value of one setting ------------------------------------------
    ORIGINS_INVALID = "origins-invalid"
    SUPPORTS_CREDENTIALS_INVALID = "supports-credentials-invalid"
    ALLOW_HEADERS_INVALID = "allow-headers-invalid"
    EXPOSE_HEADERS_INVALID = "expose-headers-invalid"
    METHODS_INVALID = "methods-invalid"
    MAX_AGE_INVALID = "max-age-invalid"
    PREFLIGHT_CONTINUE_INVALID = "preflight-continue-invalid"
    OPTIONS_SUCCESS_STATUS_INVALID = "options-success-status-invalid"
    ALLOW_REQUEST_INVALID = "allow-request-invalid"
    CALLBACK_TIMEOUT_INVALID = "callback-timeout-invalid"
    CALLBACK_CACHE_INVALID = "callback-cache-invalid"
    OWN_ORIGINS_INVALID = "own-origins-invalid"
    POLICIES_INVALID = "policies-invalid"
    ORIGINS_STORE_INVALID = "origins-store-invalid"
    REPORT_ONLY_INVALID = "report-only-invalid"
    OVERRIDE_INVALID = "override-invalid"
    ALLOW_PRIVATE_NETWORK_INVALID = "allow-private-network-invalid"
    TOLERATE_INSECURE_ORIGINS_INVALID = "tolerate-insecure-origins-invalid"
    TOLERATE_PUBLIC_SUFFIXES_INVALID = "tolerate-public-suffixes-invalid"


class Said(str):
    """A sentence about what is wrong, and its code."""

    code: Code

    def __new__(cls, code: Code, text: str) -> Said:
        """Make a sentence."""
        sentence = str.__new__(cls, text)
        sentence.code = code
        return sentence

    def more(self, text: str) -> Said:
        """Return the sentence with something behind it."""
        return Said(self.code, f"{self}{text}")


def together(sentences: Iterable[Said]) -> Said:
    """Return several sentences as one, each once, with the code of the first."""
    first, *others = dict.fromkeys(sentences)
    return Said(first.code, "; ".join([first, *others]))
