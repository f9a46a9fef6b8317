"""``sio-cors doctor`` in a process and in a terminal of its own."""

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from click.testing import CliRunner

from flask_sio_cors.cli import main
from tests.support.broken_servers import listening, saying, silent
from tests.support.ports import free_port
from tests.support.questions import FRIEND

# --- The terminal ------------------------------------------------------------------------------

PROGRAM = [sys.executable, "-c", "from flask_sio_cors.cli import main; main()", "doctor"]
HOSTILE = "\x1b]0;pwned\x07\x1b[31m\x9b2J\u202e"


def hostile_server() -> Any:
    bytes_sent = HOSTILE.replace("\u202e", "").encode("latin-1")
    return listening(
        saying(
            b"HTTP/1.1 502 Bad" + bytes_sent + b"\r\nServer: " + bytes_sent + b"\r\n"
            b"Access-Control-Allow-Origin: https://" + bytes_sent + b"\r\n"
            b"Content-Length: 90\r\n\r\n" + HOSTILE.encode().ljust(90)
        )
    )


def hostile_redirect() -> Any:
    location = b"Location: ftp://a/\x1b[31m\x9b\r\n"
    return listening(
        saying(b"HTTP/1.1 302 \x1b[31m\r\nAccess-Control-Allow-Origin: *\r\n" + location + b"\r\n")
    )


@pytest.mark.parametrize(
    "server", [hostile_server, hostile_redirect, lambda: listening(saying(b"\x1b[31m\x9b\r\n"))]
)
def test_what_a_server_sends_does_not_reach_the_terminal_as_it_is(server: Any) -> None:
    with server() as port:
        command = ["doctor", f"http://127.0.0.1:{port}", "--origin", FRIEND]
        text = CliRunner().invoke(main, [*command, "--verbose"], color=False)
        machines = CliRunner().invoke(main, [*command, "--json"])
    assert text.exit_code == machines.exit_code == 1
    odd = {c for c in text.output + machines.output if not c.isprintable()}
    assert odd == {"\n"}
    assert "\\x1b[31m" in text.output
    proof = json.loads(machines.stdout)["findings"][0]["proof"]
    assert any("\x1b[31m" in line or "\\x1b[31m" in line for line in proof)


def test_machines_get_a_servers_headers_as_they_came() -> None:
    with hostile_server() as port:
        command = ["doctor", f"http://127.0.0.1:{port}", "--origin", FRIEND, "--json"]
        report = json.loads(CliRunner().invoke(main, command).stdout)
    (line,) = (line for line in report["findings"][0]["proof"] if line.startswith("< Server"))
    assert line == f"< Server: {HOSTILE[:-1]}"


@contextmanager
def in_a_terminal(*arguments: str, **environment: str) -> Iterator[tuple[Any, int]]:
    """Run the doctor in a terminal of 80 columns; yields the process and the terminal's end."""
    ours, theirs = pty.openpty()
    known = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    process = subprocess.Popen(
        [*PROGRAM, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**known, "COLUMNS": "80", **environment},
        start_new_session=True,
    )
    os.close(theirs)
    try:
        yield process, ours
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def read_until(terminal: int, words: str) -> str:
    """Read what a terminal shows up to some words, or to its end."""
    text = b""
    with suppress(OSError):
        while words.encode() not in text and (chunk := os.read(terminal, 65536)):
            text += chunk
    return text.decode()


END = "\0 never printed"


def test_a_terminal_shows_progress_and_colours() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with in_a_terminal(url, "--origin", FRIEND) as (process, terminal):
        shown = read_until(terminal, END)
        assert process.wait() == 1
    progress, _, report = shown.rpartition("\r\x1b[K")
    assert f"GET {url}/socket.io/?EIO=4" in progress
    assert all(len(line) < 80 for line in re.split(r"\r\x1b\[K", progress))
    assert "\x1b[31m\x1b[1mNo:" in report


def test_no_color_is_heeded() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with in_a_terminal(url, "--origin", FRIEND, NO_COLOR="1") as (_, terminal):
        shown = read_until(terminal, END)
    assert "No: Nothing listens" in shown
    assert "\x1b" not in shown.replace("\r\x1b[K", "")


def test_an_interruption_leaves_no_traceback() -> None:
    with listening(silent) as port:
        arguments = (f"http://127.0.0.1:{port}", "--origin", FRIEND)
        with in_a_terminal(*arguments) as (process, terminal):
            shown = read_until(terminal, "GET http")
            process.send_signal(signal.SIGINT)
            shown += read_until(terminal, END)
            assert process.wait() == 130
    assert "Traceback" not in shown
    assert shown.endswith("\r\x1b[KInterrupted.\r\n")


def test_a_reader_that_goes_away_leaves_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    url = f"http://127.0.0.1:{free_port()}"
    done = subprocess.run(
        [*PROGRAM, url, "--origin", FRIEND], stdout=writing, stderr=subprocess.PIPE, text=True
    )
    os.close(writing)
    assert done.stderr == ""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_gets_what_it_can_show(encoding: str) -> None:
    command = [*PROGRAM, f"http://127.0.0.1:{free_port()}", "--origin", FRIEND]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for arguments in (command, [*command, "--json"]):
        done = subprocess.run(arguments, env=environment, capture_output=True)
        assert done.returncode == 1, done.stderr
        assert done.stderr == b""
        done.stdout.decode(encoding)
    assert json.loads(done.stdout)["findings"][0]["id"] == "not-listening"


# --- sio-cors ---------------------------------------------------------------------------------


def python(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True)


def test_the_extension_imports_nothing_of_the_doctor() -> None:
    code = """if 1:
        import sys, flask_socketio
        before = set(sys.modules)
        import flask_sio_cors
        new = set(sys.modules) - before
        doctors = {"flask_sio_cors.doctor", "flask_sio_cors.cli", "httpcore", "ada_url"}
        sys.exit(", ".join(new & doctors) or 0)
    """
    done = python(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("absent", ["httpcore"])
def test_without_the_extra_the_doctor_says_what_to_install(absent: str) -> None:
    code = f"""if 1:
        import sys
        sys.modules[{absent!r}] = None
        from flask_sio_cors.cli import main
        main()
    """
    done = python(code, "doctor", "http://127.0.0.1:1", "--origin", FRIEND)
    assert done.returncode == 2
    assert 'pip install "Flask-SIO-CORS[doctor]"' in done.stderr
    assert "Traceback" not in done.stderr
