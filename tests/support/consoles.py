"""The consoles of real browsers: one Firefox and one Chromium that open broken servers.

A page of the given origin connects with the `socket.io-client` that users have. What the browser
prints while it tries is read from its own console: Firefox's through Marionette, Chromium's through
its DevTools protocol.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import trustme
import websocket
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from tests.support.harness import wait_until

CLIENT = Path(__file__).parent / "node/node_modules/socket.io-client/dist/socket.io.min.js"
START_SECONDS = 60
PATIENCE_SECONDS = 60
#: What the pages give their clients as ``timeout``, and the doctor as ``--timeout``, in seconds.
CLIENT_SECONDS = 6
#: A host that no server certificate and no browser takes for this machine, though it is.
PUBLIC_NAME = "api.broken.test"

_PAGE = b"<!doctype html><link rel=icon href=data:,><script src=/client.js></script>"

# The last line is asked for by the page when its attempt is over: consoles are in order, so that
# whatever stands before the complaint about it is all that the attempt has printed.
_ATTEMPT = (
    f"const timeout = {CLIENT_SECONDS * 1000};"
    + """
const [url, options, sentinel, done] = arguments;
let ended = false;
const over = result => {
  if (!ended) fetch(sentinel).catch(() => done(result));
  ended = true;
};
try {
  const socket = io(url, {timeout, ...options, forceNew: true, reconnection: false});
  const end = result => { over(result); socket.close(); };
  const engine = socket.io.engine;
  let upgrading = false, connected = false;
  const settle = () => { if (connected && !upgrading) end("connected: " + engine.transport.name); };
  const upgraded = () => { upgrading = false; settle(); };
  engine.on("handshake", ({upgrades}) => {
    upgrading = engine.transport.name === "polling" && upgrades.includes("websocket")
      && (options.transports || []).length !== 1;
  });
  engine.on("upgrade", upgraded).on("upgradeError", upgraded);
  socket.on("connect", () => { connected = true; settle(); });
  socket.on("connect_error", error => end("failed: " + error.message));
  socket.on("disconnect", reason => end("failed: " + reason));
  setTimeout(() => end("nothing happened"), timeout + 2000);
} catch (error) { over("failed: " + error.message); }
"""
)


_FETCH = """
const [url, method, sentinel, done] = arguments;
fetch(url, {method, credentials: "include"}).then(() => "answered", error => error.message)
  .then(result => fetch(sentinel).catch(() => done(result)));
"""


_REASON = re.compile(r"\(Reason: (.*?)\)\.(?: Status code|\"|$)")


@dataclass(frozen=True)
class Attempt:
    """What became of one page's attempt to connect, and what the console said meanwhile."""

    result: str
    console: tuple[str, ...]

    @property
    def connected(self) -> bool:
        return self.result.startswith("connected")

    @property
    def reasons(self) -> list[str]:
        """Firefox's reasons, in the order of their appearance, each once."""
        found = [match for line in self.console for match in _REASON.findall(line)]
        return list(dict.fromkeys(found))

    @property
    def blocked(self) -> bool:
        """Whether Chromium has blocked something for its lack of CORS headers."""
        return any("has been blocked by CORS policy" in line for line in self.console)


class Pages:
    """Serves the pages: one origin over http, one over https with a certificate of `authority`."""

    def __init__(self, authority: trustme.CA) -> None:
        script = CLIENT.read_bytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                is_script = self.path == "/client.js"
                body = script if is_script else _PAGE
                self.send_response(200)
                self.send_header("Content-Type", "text/javascript" if is_script else "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        plain = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        secure = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.configure_cert(context)
        self.key_hash = _key_hash(certificate)
        self.tls = context
        # Not at once: a browser's idle connection would keep the server from accepting others.
        secure.socket = context.wrap_socket(
            secure.socket, server_side=True, do_handshake_on_connect=False
        )
        self._servers = (plain, secure)
        self.http = f"http://localhost:{plain.server_port}"
        self.https = f"https://localhost:{secure.server_port}"
        self.sentinel = f"http://127.0.0.1:{plain.server_port}/over"
        for server in self._servers:
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()


_PREFERENCES = {
    "marionette.port": 0,
    "app.update.disabledForTesting": True,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.malware.enabled": False,
    "browser.safebrowsing.phishing.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage": "about:blank",
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.autoDisableScopes": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "toolkit.telemetry.reportingpolicy.firstRun": False,
    # A name that stands for a machine elsewhere, and an end to what never answers before the
    # client's own time limit: both limits are minutes.
    "network.dns.localDomains": PUBLIC_NAME,
    "network.http.response.timeout": 4,
    "network.http.connection-timeout": 4,
}


class Marionette:
    """Firefox's own remote control; a message is ``length:[type, id, command, parameters]``."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS + 10)
        self._stream = self._socket.makefile("rb")
        self._last_id = 0
        self._receive()
        self("WebDriver:NewSession")
        self("WebDriver:SetTimeouts", script=PATIENCE_SECONDS * 1000)

    def __call__(self, command: str, **parameters: object) -> Any:
        self._last_id += 1
        message = json.dumps([0, self._last_id, command, parameters]).encode()
        self._socket.sendall(b"%d:%s" % (len(message), message))
        _, _, error, result = self._receive()
        if error is not None:
            raise RuntimeError(f"{command}: {error['error']}: {error['message']}")
        return result

    def _receive(self) -> Any:
        digits = b""
        while not digits.endswith(b":"):
            digits += self._stream.read(1)
        return json.loads(self._stream.read(int(digits[:-1])))

    def browser_script(self, script: str, *arguments: object) -> Any:
        """Run a script in the browser itself rather than in its page."""
        self("Marionette:SetContext", value="chrome")
        try:
            return self("WebDriver:ExecuteScript", script=script, args=arguments)["value"]
        finally:
            self("Marionette:SetContext", value="content")

    def close(self) -> None:
        self._stream.close()
        self._socket.close()


class Firefox:
    """One Firefox, driven through Marionette. `directory` must not exist; it gets the profile."""

    def __init__(self, pages: Pages, authority: trustme.CA, directory: Path) -> None:
        directory.mkdir(parents=True)
        self.pages = pages
        self._marionette: Any = None
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in _PREFERENCES.items()]
        (directory / "user.js").write_text("\n".join(lines))
        self._process = subprocess.Popen(
            [
                "firefox-esr", "--headless", "--no-remote", "--marionette",
                "--remote-allow-system-access", "--profile", str(directory),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            port_file = directory / "MarionetteActivePort"
            wait_until(lambda: port_file.exists() and port_file.read_text() != "", START_SECONDS)
            self._marionette = Marionette(int(port_file.read_text()))
            self._trust(authority)
        except BaseException:
            self.stop()
            raise

    def _trust(self, authority: trustme.CA) -> None:
        pem = authority.cert_pem.bytes().decode()
        encoded = "".join(line for line in pem.splitlines() if "-----" not in line)
        self._marionette.browser_script(
            """Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB)
               .addCertFromBase64(arguments[0], "CT,,");""",
            encoded,
        )

    def open(self, url: str, options: Mapping[str, Any], *, secure: bool = False) -> Attempt:
        """Connect to `url` from a page."""
        page = self.pages.https if secure else self.pages.http
        return self._run(page, _ATTEMPT, [url, dict(options)])

    def fetch(self, url: str, method: str) -> Attempt:
        """Fetch `url` from a page, with credentials."""
        return self._run(self.pages.http, _FETCH, [url, method])

    def _run(self, page: str, script: str, arguments: list[Any]) -> Attempt:
        sentinel = self.pages.sentinel
        self._marionette("WebDriver:Navigate", url=page + "/")
        self._marionette.browser_script("Services.console.reset()")
        result = self._marionette(
            "WebDriver:ExecuteAsyncScript",
            script=script,
            args=[*arguments, sentinel],
            sandbox=None,
            newSandbox=False,
        )["value"]
        return Attempt(result, tuple(self._console(sentinel)))

    def _console(self, sentinel: str) -> list[str]:
        def ended() -> bool:
            lines[:] = self._messages()
            return any(sentinel in line for line in lines)

        lines: list[str] = []
        wait_until(ended, 30)
        end = next(n for n, line in enumerate(lines) if sentinel in line)
        return lines[:end]

    def _messages(self) -> list[str]:
        messages: list[str] = self._marionette.browser_script(
            "return Services.console.getMessageArray().map(m => m.errorMessage || m.message)"
        )
        return messages

    def stop(self) -> None:
        if self._marionette is not None:
            self._marionette.close()
        _end(self._process)


class Chromium:
    """One Chromium, driven through its DevTools protocol. `directory` gets its profile."""

    def __init__(self, pages: Pages, directory: Path, *arguments: str) -> None:
        (directory / "Default").mkdir(parents=True)
        # As elsewhere: Debian's keeps the cookies of other sites out, whatever they say.
        preferences = {"profile": {"cookie_controls_mode": 0}}
        (directory / "Default" / "Preferences").write_text(json.dumps(preferences))
        self.pages = pages
        self._socket: Any = None
        self._last_id = 0
        self._process = subprocess.Popen(
            [
                "chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--disable-sync", "--remote-debugging-port=0", f"--user-data-dir={directory}",
                f"--host-resolver-rules=MAP {PUBLIC_NAME} 127.0.0.1",
                f"--ignore-certificate-errors-spki-list={pages.key_hash}",
                *arguments,
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            port_file = directory / "DevToolsActivePort"
            wait_until(lambda: port_file.exists() and "\n" in port_file.read_text(), START_SECONDS)
            port = port_file.read_text().splitlines()[0]
            with urlopen(f"http://127.0.0.1:{port}/json") as answer:
                targets = json.load(answer)
            target = next(target for target in targets if target["type"] == "page")
            self._socket = websocket.create_connection(
                target["webSocketDebuggerUrl"], suppress_origin=True, timeout=PATIENCE_SECONDS
            )
            for domain in ("Page", "Runtime", "Log"):
                self._call(f"{domain}.enable")
        except BaseException:
            self.stop()
            raise

    def open(self, url: str, options: Mapping[str, Any], *, secure: bool = False) -> Attempt:
        """Connect to `url` from a page."""
        page = self.pages.https if secure else self.pages.http
        return self._run(page, _ATTEMPT, [url, dict(options)])

    def open_from(self, page: str, url: str) -> Attempt:
        """Connect to `url` from a page of this origin."""
        return self._run(page, _ATTEMPT, [url, {}])

    def fetch(self, url: str, method: str) -> Attempt:
        """Fetch `url` from a page, with credentials."""
        return self._run(self.pages.http, _FETCH, [url, method])

    def run(self, page: str, script: str, *values: object) -> str:
        """Run a script on a page, which hands over what it has found, and return that."""
        return self._run(page, script, list(values)).result

    def _run(self, page: str, script: str, values: list[Any]) -> Attempt:
        self._call("Page.navigate", url=page + "/")
        self._wait_for("Page.loadEventFired")
        self._call("Log.clear")
        arguments = json.dumps([*values, self.pages.sentinel])
        expression = f"""new Promise(done => {{
            (function () {{ {script} }})(...{arguments}, done) }})"""
        console: list[str] = []
        answer = self._call(
            "Runtime.evaluate", console, expression=expression, awaitPromise=True,
            returnByValue=True,
        )  # fmt: skip
        while not any(self.pages.sentinel in line for line in console):
            self._receive(console)
        end = next(n for n, line in enumerate(console) if self.pages.sentinel in line)
        return Attempt(answer["result"]["value"], tuple(console[:end]))

    def _call(
        self, method: str, console: list[str] | None = None, **parameters: object
    ) -> dict[str, Any]:
        self._last_id += 1
        message = {"id": self._last_id, "method": method, "params": parameters}
        self._socket.send(json.dumps(message))
        while True:
            received = self._receive(console)
            if received.get("id") == self._last_id:
                result: dict[str, Any] = received["result"]
                return result

    def _wait_for(self, event: str) -> None:
        while self._receive(None).get("method") != event:
            pass

    def _receive(self, console: list[str] | None) -> dict[str, Any]:
        received: dict[str, Any] = json.loads(self._socket.recv())
        if received.get("method") == "Log.entryAdded" and console is not None:
            entry = received["params"]["entry"]
            console.append(f"{entry['text']} {entry.get('url', '')}")
        return received

    def stop(self) -> None:
        if self._socket is not None:
            self._socket.close()
        _end(self._process)


def _key_hash(certificate: trustme.LeafCert) -> str:
    """Return what Chromium calls a certificate's key, to trust it alone."""
    pem = certificate.cert_chain_pems[0].bytes()
    key = load_pem_x509_certificate(pem).public_key()
    encoded = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(encoded).digest()).decode()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a browser and the processes that it has started."""
    for ending in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, ending)
            process.wait(10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
        return


def missing() -> str | None:
    """Say what to install, or return ``None`` where both browsers and the client are there."""
    programs = {"firefox-esr": "firefox-esr", "chromium": "chromium"}
    absent = [package for program, package in programs.items() if shutil.which(program) is None]
    if absent:
        return f"a browser is missing: apt-get install {' '.join(absent)}"
    return None if CLIENT.exists() else "socket.io-client is missing: make test installs it"


@contextmanager
def browsers(directory: Path) -> Iterator[tuple[Pages, Firefox, Chromium]]:
    """Start both browsers and the pages' server; all end with the block."""
    authority = trustme.CA()
    pages = Pages(authority)
    started: list[Any] = []
    try:
        started.append(firefox := Firefox(pages, authority, directory / "firefox"))
        started.append(chromium := Chromium(pages, directory / "chromium"))
        yield pages, firefox, chromium
    finally:
        for browser in started:
            browser.stop()
        pages.stop()
