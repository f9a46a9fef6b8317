"""What an examination asks with: the page's browser, and requests that only tell causes apart."""

from __future__ import annotations

from ..browser.fetch import Header, Page
from .browser import Browser
from .exchange import Exchange, Wire
from .handshake import is_extension, session_of
from .target import Target


class Probe:
    """Asks one target in the name of one page.

    :ivar is_extension: whether an answer was one of a server that has this extension.
    :ivar is_seen: whether a Socket.IO server is known to be there.
    """

    def __init__(self, target: Target, page: Page, wire: Wire) -> None:
        self.target = target
        self.page = page
        self.wire = wire
        self.browser = Browser(page, wire)
        self.is_extension = False
        self.is_seen = False

    def look(self, url: str, origin: str | None = None) -> Exchange:
        """Ask to tell causes apart, without waiting for long."""
        asked = self.wire.send("GET", url, (("Origin", origin or self.page.origin),))
        self.is_extension |= is_extension(asked.response)
        return asked

    def knock(self, origin: str) -> Exchange:
        """Open a session as a client of this origin that is no browser, and close it."""
        asked = self.look(self.target.polling(), origin)
        is_open = session_of(asked) is not None
        self.is_seen |= is_open
        if is_open:
            self.close(self.target, asked, asked.headers)
        return asked

    def close(self, target: Target, opened: Exchange, headers: tuple[Header, ...]) -> None:
        """Close the session that an exchange has opened, so that the server need not wait."""
        session = session_of(opened)
        if session is not None:
            url = f"{target.polling()}&sid={session.sid}"
            self.wire.send("POST", url, headers, target.protocol.encode("1"))
