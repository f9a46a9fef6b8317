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


class App(NamedTuple):
    """What is known of the origins of an app or extension.

    :param sign: an expression that one of them matches.
    :param told: which others there are, in sentences.
    :param family: where nobody knows the names beforehand, an entry that stands for them all.
    """

    sign: str
    told: str
    family: str = ""


_IN_PAGES: Final = "What an extension runs in a page (a content script) has the page's origin."
_APPS: Final = (
    # https://capacitorjs.com/docs/config: iosScheme, androidScheme; https: there since Capacitor 6.
    App(
        "capacitor://.*",
        "Capacitor's apps have capacitor://localhost on iOS; on Android they have "
        "https://localhost (http://localhost up to Capacitor 5).",
    ),
    App(
        "https?://localhost",
        "Apps of Capacitor and Cordova have it on Android; on iOS, Capacitor's have "
        "capacitor://localhost. With androidScheme, Capacitor's choose between https:, which "
        "reaches no server by http: (mixed content), and http:.",
    ),
    # README of ionic-team/cordova-plugin-ionic-webview, "Migrating to 4.x".
    App(
        "ionic://.*",
        "Ionic's web view has ionic://localhost on iOS, and http://localhost on Android.",
    ),
    # `origin` in crates/tauri/src/protocol/mod.rs of tauri-apps/tauri; useHttpsScheme since 2.1.
    App(
        "tauri://.*",
        "Tauri's apps have tauri://localhost on macOS, Linux and iOS; on Windows and Android they "
        "have http://tauri.localhost (https://tauri.localhost with Tauri 1, or useHttpsScheme).",
    ),
    # https://www.electronjs.org/docs/latest/api/protocol; scheme and hostname of cordova-ios.
    App(
        "app://.*",
        "Electron sends a scheme of its own where it was registered as standard, and null where "
        "it was not (protocol.registerSchemesAsPrivileged). Cordova's apps may have "
        "app://localhost on iOS, and have https://localhost on Android.",
    ),
    # https://extensionworkshop.com, "What is an add-on ID?": the internal UUID.
    App(
        "moz-extension://.*",
        f"Each installation of Firefox gives an extension another name. {_IN_PAGES}",
        "regex:moz-extension://[0-9a-f-]+",
    ),
    App(
        "safari-web-extension://.*",
        f"Each installation of Safari gives an extension another name. {_IN_PAGES}",
        "regex:safari-web-extension://[0-9A-Fa-f-]+",
    ),
    # https://github.com/microsoft/vscode/issues/132464
    App(
        "vscode-webview://.*",
        "VS Code gives each of its web views another name.",
        "regex:vscode-webview://[0-9a-z-]+",
    ),
    App("[a-z]+-extension://.*", _IN_PAGES),
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


def app_of(origin: str) -> App | None:
    """Return what is known of the app or extension that an origin belongs to."""
    return next((app for app in _APPS if re.fullmatch(app.sign, origin)), None)
