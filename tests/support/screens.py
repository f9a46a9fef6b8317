"""Chromium as a screen: it shows a page at a width, light or dark, and takes its picture.

>>> with Screens() as screens, screens.open("http://localhost:8080/lab", width=390) as screen:
...     screen.wait_for("document.querySelector('.done')")
...     screen.save(Path("lab.png"))

It is driven by the Chrome DevTools Protocol, https://chromedevtools.github.io/devtools-protocol/.
"""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import websocket

from tests.support.browsers import Browser
from tests.support.harness import wait_until

AXE = Path(__file__).parent / "node/node_modules/axe-core/axe.min.js"
_BARRIERS = """
    axe.run(document).then(({ violations }) =>
      violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(", ")}`))
"""
PATIENCE_SECONDS = 60


class Screen:
    """A page that is shown. Made by `Screens.open`."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(
            address, timeout=PATIENCE_SECONDS, suppress_origin=True
        )
        self._asked = 0

    def close(self) -> None:
        self._socket.close()

    def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command of the protocol, and return what it answers."""
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            answer = json.loads(self._socket.recv())
            if answer.get("id") == self._asked:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return answer["result"]

    def evaluate(self, script: str) -> Any:
        """Return what a script, or the promise that it makes, comes to."""
        told = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        if "exceptionDetails" in told:
            raise RuntimeError(f"{script[:200]}: {told['exceptionDetails']}")
        return told["result"].get("value")

    def wait_for(self, condition: str) -> None:
        """Wait until a script's value is true."""
        wait_until(lambda: bool(self.evaluate(f"Boolean({condition})")), PATIENCE_SECONDS)

    def show(self, *, dark: bool) -> None:
        """Have the colours of one of the two schemes, and nothing move."""
        features = {
            "prefers-color-scheme": "dark" if dark else "light",
            "prefers-reduced-motion": "reduce",
        }
        media = [{"name": name, "value": value} for name, value in features.items()]
        self.ask("Emulation.setEmulatedMedia", features=media)

    def barriers(self) -> list[str]:
        """Return what axe-core finds fault with, each with the elements that have it."""
        if not self.evaluate("Boolean(window.axe)"):
            self.evaluate(AXE.read_text("utf-8"))
        return self.evaluate(_BARRIERS)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, such as ``Tab`` with its code 9, or ``Enter`` with 13 and its text."""
        pressed = {"key": key, "windowsVirtualKeyCode": code}
        self.ask("Input.dispatchKeyEvent", type="keyDown", text=text, **pressed)
        self.ask("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def height(self) -> int:
        """How long the page is, in pixels."""
        return self.evaluate("document.documentElement.scrollHeight")

    def save(self, path: Path, *, whole: bool = True, element: str | None = None) -> None:
        """Save a picture: of the whole page, of what is in view, or of an element."""
        options: dict[str, object] = {"captureBeyondViewport": whole or element is not None}
        if element is not None:
            box = self.evaluate(
                f"(({{x, y, width, height}}) => [x + scrollX, y + scrollY, width, height])"
                f"(document.querySelector({json.dumps(element)}).getBoundingClientRect())"
            )
            options["clip"] = dict(zip(("x", "y", "width", "height"), box, strict=True), scale=1)
        picture = self.ask("Page.captureScreenshot", format="png", **options)
        path.write_bytes(base64.b64decode(picture["data"]))


class Screens:
    """One Chromium for many screens. As a context manager it ends with the block."""

    def __enter__(self) -> "Screens":
        switches = ["--remote-debugging-port=0", "--hide-scrollbars"]
        self._browser = Browser("chromium", "about:blank", switches=switches)
        port = self._browser.profile / "DevToolsActivePort"
        try:
            wait_until(lambda: port.exists() and "\n" in port.read_text(), PATIENCE_SECONDS)
        except BaseException:
            self._browser.stop()
            raise
        self._tabs = f"http://127.0.0.1:{port.read_text().split()[0]}/json"
        return self

    def __exit__(self, *_: object) -> None:
        self._browser.stop()

    @contextmanager
    def open(
        self,
        url: str,
        *,
        width: int,
        height: int = 900,
        dark: bool = False,
        scale: float = 1,
        ready: str = "true",
    ) -> Iterator[Screen]:
        """Show a page in a window of this size in CSS pixels, once the script `ready` holds."""
        made = requests.put(f"{self._tabs}/new?about:blank", timeout=PATIENCE_SECONDS).json()
        screen = Screen(made["webSocketDebuggerUrl"])
        try:
            screen.ask("Page.enable")
            screen.ask(
                "Emulation.setDeviceMetricsOverride",
                width=width,
                height=height,
                deviceScaleFactor=scale,
                mobile=False,
            )
            screen.show(dark=dark)
            screen.ask("Page.navigate", url=url)
            screen.wait_for("location.href != 'about:blank' && document.readyState == 'complete'")
            screen.wait_for(ready)
            yield screen
        finally:
            screen.close()
            requests.get(f"{self._tabs}/close/{made['id']}", timeout=PATIENCE_SECONDS)
