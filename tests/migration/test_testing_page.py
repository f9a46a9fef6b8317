"""The tests that `docs/testing.md` gives to applications are run, as tests of one."""

import re
import subprocess
import sys

import pytest

from tests.support.applications import Application
from tests.support.pages import block

PAGE = "docs/testing.md"
APPLICATION = """
from flask import Flask
from flask_socketio import SocketIO
from flask_sio_cors import SioCors

app = Flask(__name__)
app.config["SIO_CORS_ORIGINS"] = ["https://app.example.com", "https://*.preview.example.com"]
app.config["SIO_CORS_SUPPORTS_CREDENTIALS"] = True
socketio = SocketIO(app, async_mode="threading")
SioCors(app)
"""


@pytest.fixture
def application(tmp_path):
    return Application(tmp_path, {"app.py": APPLICATION})


def pytest_says(application, source):
    (application.folder / "test_policy.py").write_text(source)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_policy.py"],
        cwd=application.folder,
        env=application.environ(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout.splitlines()[-1]


def test_they_pass_with_a_policy_and_fail_without(application):
    snippet = block(PAGE, "def preflight(origin)")
    handlers = block(PAGE, "test_this_tests_your_handlers")
    source = f"{snippet}\n\nfrom app import socketio\n\n{handlers}"
    assert re.match(r"7 passed", pytest_says(application, source))
    application.edit("app.py", "SocketIO(app,", 'SocketIO(app, cors_allowed_origins="*",')
    application.edit("app.py", "SioCors(app)", "")
    # The last one but one is of a request that is no page's; the last, of handlers.
    assert re.match(r"5 failed, 2 passed", pytest_says(application, source))


def test_the_lines_for_ci_have_the_exit_status_that_they_need(application):
    for line in block(PAGE, "explain", "sh").splitlines():
        negated, words = line.startswith("! "), line.removeprefix("! ").split()[1:]
        assert (application.flask(*words).returncode == 0) != negated, line
