"""``flask sio-cors`` in a process of its own, as it is typed."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from flask import Flask

from tests.support.questions import FRIEND, application

# --- An application that does not start -------------------------------------------------------

BROKEN_APP = """
from flask import Flask
from flask_socketio import SocketIO, emit
from flask_sio_cors import SioCors

app = Flask(__name__)
app.config["SIO_CORS_ORIGINS"] = ["example.com", "https://a.example/\\x1b[31m"]
app.config["SIO_CORS_MAX_AGE"] = "10 min"
app.config["CORS_METHODS"] = "GET,POST"
SocketIO(app)
SioCors(app)
"""


@pytest.mark.parametrize(
    "command", [["show"], ["show", "--json"], ["explain", FRIEND]], ids=" ".join
)
@pytest.mark.parametrize("is_factory", [False, True], ids=["module", "factory"])
def test_a_broken_configuration_is_told_without_a_traceback(
    command: list[str], is_factory: bool, tmp_path: Path
) -> None:
    source = BROKEN_APP
    if is_factory:
        source = "def create_app():\n" + re.sub("(?m)^", "    ", BROKEN_APP) + "\n    return app\n"
    (tmp_path / "shop.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", "shop", "sio-cors", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert done.stderr.startswith("Error: 3 problems in the CORS configuration:\n  1. SIO_CORS_OR")
    assert '      write: "https://example.com"\n' in done.stderr
    assert "\x1b" not in done.stderr
    if command[0] == "show":
        assert re.search(
            r'\n  SIO_CORS_ORIGINS +problems 1, 2\n    \["example\.com", ', done.stderr
        )
        assert re.search(r'\n  SIO_CORS_MAX_AGE +problem 3\n    "10 min"\n', done.stderr)
        assert re.search(r'\n  CORS_METHODS +fine by itself\n    "GET,POST"\n', done.stderr)
        assert done.stderr.endswith("  Everything else has its default.\n")
    else:
        assert "fine" not in done.stderr


@pytest.mark.parametrize("command", [["show"], ["explain", FRIEND]], ids=" ".join)
def test_without_an_application_flask_says_so(command: list[str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "sio-cors", *command],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Could not locate a Flask application" in done.stderr
    assert "Traceback" not in done.stderr


def test_flask_finds_the_commands() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flask", "--app", f"{__name__}:create_app", "sio-cors", "show"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert FRIEND in done.stdout


def create_app() -> Flask:
    return application(SIO_CORS_ORIGINS=[FRIEND])


ORDINARY = """https://example.com https://*.example.com http://localhost:* http://127.0.0.1:5000
http://[::1]:5000 null file:// capacitor://localhost http://example.com.:81"""


@pytest.mark.parametrize(
    ("listed", "asks"),
    [(ORDINARY, False), ("https://xn--bcher-kva.example", True), ("http://127.1", True)],
)
def test_the_url_parser_is_imported_only_where_something_is_misspelt_or_punycode(
    listed: str, asks: bool
) -> None:
    code = """if 1:
        import contextlib, sys
        from flask_sio_cors import ConfigError
        from flask_sio_cors.config.options import Options
        with contextlib.suppress(ConfigError):
            Options.from_config({"SIO_CORS_ORIGINS": sys.argv[1].split()})
        print("ada_url" in sys.modules)
    """
    command = [sys.executable, "-c", code, listed]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout.split() == [str(asks)]
