"""Which origin browsers send for pages that come from no server (HTML standard, "origin")."""

from __future__ import annotations

import re
from typing import Final, NamedTuple


class Sent(NamedTuple):
    """What browsers send for the pages of an address.

    :param origin: as it stands in the header.
    :param told: why, in a clause.
    """

    origin: str
    told: str


_OPAQUE: Final = (
    (
        "file:.*",
        "browsers send null for pages from files; file:// comes from the web views of some apps",
    ),
    (
        r"about:\w*|javascript:.*",
        "such a page has the origin of the page that opened it, and null where none did",
    ),
    ("data:.*", "pages in data: addresses have an origin that nobody shares, sent as null"),
    ("(?:blob|filesystem):null/.*", "what made it has the origin null"),
)
# By an origin of an app: what else the same app has.
_ELSEWHERE: Final = (
    (
        "capacitor://.*",
        "Capacitor's apps have capacitor://localhost on iOS; on Android they have "
        "https://localhost (http://localhost up to Capacitor 5).",
    ),
    (
        "ionic://.*",
        "Ionic's web view has ionic://localhost on iOS, and http://localhost on Android.",
    ),
    (
        "tauri://.*",
        "Tauri's apps have tauri://localhost on macOS, Linux and iOS; on Windows and Android they "
        "have http://tauri.localhost (https://tauri.localhost with Tauri 1).",
    ),
    (
        "app://.*",
        "Electron sends a scheme of its own where it was registered as standard, and null where "
        "it was not (protocol.registerSchemesAsPrivileged).",
    ),
    (
        "moz-extension://.*",
        "Each installation of Firefox gives an extension another name, so that no list can hold "
        "them; what runs in a page (a content script) has the page's origin.",
    ),
    (
        "[a-z]+-extension://.*",
        "What an extension runs in a page (a content script) has the page's origin.",
    ),
)


def sent_for(address: str) -> Sent | None:
    """Return what browsers send for an address whose pages have no origin of their own.

    :param address: of a page, as its address bar has it; ``None`` for one that has.
    """
    bare = address.strip()
    for sign, told in _OPAQUE:
        if re.fullmatch(sign, bare, re.IGNORECASE | re.DOTALL):
            return Sent("null", told)
    return None


def of_same_app(origin: str) -> str | None:
    """Return which other origins the app or extension of an origin has, in sentences."""
    return next((told for sign, told in _ELSEWHERE if re.fullmatch(sign, origin)), None)
