"""`docs/coming-from-cors-allowed-origins.md`, followed to the letter: what each step shows."""

import re

import pytest

from tests.support.applications import Application
from tests.support.harness import wait_until
from tests.support.pages import block, blocks

PAGE = "docs/coming-from-cors-allowed-origins.md"
YOURS, PREVIEW = "https://app.example.com", "https://pr-7.preview.example.com"
STRANGER = "https://stranger.example"
NOBODY = 'app.config["SIO_CORS_ORIGINS"] = []'
TEXTS = blocks(PAGE, "text")
COMMANDS = [
    line.removeprefix("$ flask ").replace('"', "").split()
    for one in blocks(PAGE, "console")
    for line in one.splitlines()
]


def text(words):
    """The one text on the page that contains these words."""
    (found,) = [one for one in TEXTS if words in one]
    return found


def table(shown):
    """The rows of a table as the page has it and a command prints it, but for numbers and times."""
    rows = [re.split(r"  +", line) for line in shown.splitlines() if "  " in line]
    return [(row[0], *row[2:5]) for row in rows]


class Manual:
    """An application that goes through the steps."""

    def __init__(self, folder):
        source = block(PAGE, 'SocketIO(app, cors_allowed_origins="*")')
        self.application = Application(folder, {"app.py": source})

    def look_on(self):
        """Step 1."""
        lines = block(PAGE, "# above SocketIO").splitlines()
        imported, *settings, below = (line.partition("  #")[0] for line in lines if line)
        edit = self.application.edit
        edit("app.py", "from flask_socketio", f"{imported}\nfrom flask_socketio")
        edit("app.py", "\nsocketio = ", "\n".join(["", *settings, "socketio = "]))
        edit("app.py", 'origins="*")\n', f'origins="*")\n{below}\n')

    def choose(self):
        """Step 3: what the command prints is pasted."""
        shown = self.observed(COMMANDS[1])
        lines = [line for line in shown.splitlines() if line.startswith("app.config")]
        self.application.edit("app.py", NOBODY, "\n".join(lines))
        return shown

    def enforce(self):
        """Step 5."""
        self.application.edit("app.py", "SIO_CORS_REPORT_ONLY", "SIO_CORS_OVERRIDE")
        line = block(PAGE, "SIO_CORS_OVERRIDE")
        assert line in (self.application.folder / "app.py").read_text()

    def observed(self, command):
        done = self.application.flask(*command)
        assert done.returncode == 0, done.stderr
        return done.stdout


def is_written(application, expected):
    """Whether the application has written what the command is to show, but for its heading."""
    latest = sorted(application.observations().items(), key=lambda one: one[1].last)
    verdicts = {seen.origin: seen.is_allowed for seen, _ in latest}
    shown = {row[0]: row[1] == "allowed" for row in expected[1:]}
    return verdicts == {None if "no Origin" in name else name: it for name, it in shown.items()}


def visit(server):
    """Everybody comes by."""
    answers = [
        server.ask(YOURS, cookie="session=x"),
        *(server.ask(YOURS, "websocket") for _ in range(6)),
        *(server.ask(PREVIEW, "websocket") for _ in range(3)),
        *(server.ask(None) for _ in range(2)),
        server.ask(STRANGER),
    ]
    return [answer.status for answer in answers]


EVERYBODY = [200, *[101] * 9, 200, 200, 200]


def test_each_step_shows_what_the_page_says(tmp_path):
    manual = Manual(tmp_path)
    application = manual.application
    with application.running() as server:
        assert visit(server) == EVERYBODY

    manual.look_on()
    with application.running() as server:
        assert visit(server) == EVERYBODY
        assert text("REPORT_ONLY is set").strip() in server.log()
        first = text(f"{YOURS}            42")
        wait_until(lambda: is_written(application, table(first)))
        assert table(manual.observed(COMMANDS[0])) == table(first)
        shown = manual.choose()
    below = text("Above SioCors(app):")
    assert shown.endswith(below)

    with application.running() as server:
        assert visit(server) == EVERYBODY
        second = text(f"{YOURS}            43")
        wait_until(lambda: is_written(application, table(second)))
        assert table(manual.observed(COMMANDS[2])) == table(second)

    manual.enforce()
    with application.running() as server:
        assert visit(server) == [200, *[101] * 9, 200, 200, 403]
        assert text("OVERRIDE is set").strip() in server.log()
        assert text("Refused (").strip() in server.log()

    # Back, by a switch in the environment.
    application.environment["FLASK_SIO_CORS_REPORT_ONLY"] = "true"
    with application.running() as server:
        assert visit(server) == EVERYBODY
    del application.environment["FLASK_SIO_CORS_REPORT_ONLY"]

    # And at last without what is not needed any more.
    application.edit("app.py", 'app.config["SIO_CORS_OVERRIDE"] = True\n', "")
    application.edit("app.py", ', cors_allowed_origins="*"', "")
    with application.running() as server:
        assert visit(server) == [200, *[101] * 9, 200, 200, 403]
        assert "SIO_CORS_" not in server.log().partition("Refused")[0]


def test_a_list_is_told_as_the_page_says(tmp_path):
    manual = Manual(tmp_path)
    manual.look_on()
    edit = manual.application.edit
    edit("app.py", f'app.config["SIO_CORS_REPORT_ONLY"] = True\n{NOBODY}\n', "")
    told = text("1 problem in the CORS configuration")
    value = re.search(r"…\): (\[.*\])", told)[1]
    edit("app.py", 'cors_allowed_origins="*"', f"cors_allowed_origins={value}")
    with pytest.raises(RuntimeError) as ended, manual.application.running():
        pass
    assert told in str(ended.value)
