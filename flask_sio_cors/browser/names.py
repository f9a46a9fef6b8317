"""Names of methods and headers: what is one, and which ones no page can use (Fetch standard)."""

from __future__ import annotations

import re
from typing import Final

#: RFC 9110, section 5.6.2.
TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")

#: Methods that no page can use (section 2.2.1, "forbidden method").
FORBIDDEN_METHODS: Final = frozenset({"CONNECT", "TRACE", "TRACK"})

_FORBIDDEN_HEADERS: Final = frozenset(
    """accept-charset accept-encoding access-control-request-headers access-control-request-method
    access-control-request-private-network connection content-length cookie cookie2 date dnt expect
    host keep-alive origin referer set-cookie te trailer transfer-encoding upgrade via""".split()
)


def is_forbidden_header(name: str) -> bool:
    """Tell whether only the browser sets a header (section 2.2.2, "forbidden request-header")."""
    lower = name.lower()
    return lower in _FORBIDDEN_HEADERS or lower.startswith(("proxy-", "sec-"))
