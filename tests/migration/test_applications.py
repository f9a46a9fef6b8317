"""Five applications are migrated by the steps of `docs/coming-from-cors-allowed-origins.md` alone.

Before, while they are only looked at, and afterwards, the same real clients connect with their
cookies; afterwards a stranger does not.
"""

import re

import pytest

from tests.support import migrated
from tests.support.applications import Application
from tests.support.clients import page, python_client
from tests.support.harness import wait_until

YOURS, ADMIN, STRANGER = (f"https://{name}.example.com" for name in ("app", "admin", "stranger"))

IMPORT = "from flask_sio_cors import SioCors"
REPORT_ONLY = 'app.config["SIO_CORS_REPORT_ONLY"] = True'
NOBODY = 'app.config["SIO_CORS_ORIGINS"] = []'
#: Below this line, each application sets what it sets.
SECRET = 'app.secret_key = "change me"'


class Migration:
    """An application on its way, and those who visit it.

    :param files: the application's.
    :param path: of Socket.IO.
    """

    def __init__(self, run_clients, folder, files, path="socket.io", **environment):
        self.application = Application(folder, files, environment=environment)
        self._run_clients = run_clients
        self._path = path

    def visit(self, server, *origins, stranger):
        """See the pages of these origins connect with their login; and a stranger's, or not."""
        login = server.request("GET", "/login").header("Set-Cookie")
        cookies, path = [login.partition(";")[0]], self._path
        *friends, outsider = self._run_clients(
            *(
                page(server.url, origin, cookies=cookies, path=f"/{path}", withCredentials=True)
                for origin in (*origins, STRANGER)
            )
        )
        for friend in friends:
            assert (friend.connected, friend.echo, friend.whoami) == (True, "hello", "ada"), friend
            assert friend.transport == "websocket"
        program = python_client(server.url, cookies=cookies, path=path)
        assert (program.connected, program.whoami) == (True, "ada")
        assert outsider.connected == stranger

    def before(self, *origins, stranger):
        with self.application.running() as server:
            self.visit(server, *origins, stranger=stranger)

    def observed(self, *arguments):
        done = self.application.flask("sio-cors", "observed", *arguments)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def shows(self, verdict):
        """See the command show this of your pages, once it is written."""
        wait_until(self._is_written(verdict == "allowed"))
        assert re.search(rf"{YOURS} .*{verdict}.*websocket", self.observed())

    def _is_written(self, is_allowed):
        def is_written():
            return any(
                (seen.origin, seen.transport, seen.is_allowed) == (YOURS, "websocket", is_allowed)
                for seen in self.application.observations()
            )

        return is_written

    def replace(self, old, *lines):
        """Write lines in the place of one, as it is indented."""
        text = (self.application.folder / "app.py").read_text()
        indent = re.search(rf"^( *){re.escape(old)}", text, re.MULTILINE)[1]
        self.application.edit("app.py", old, f"\n{indent}".join(lines))

    def add(self, *lines):
        """Write lines below the one that each application has."""
        self.replace(SECRET, SECRET, *lines)

    def install(self, last, below, line="SioCors(app)"):
        """Step 1: an import behind the last one, and a line below that of the `SocketIO`."""
        indent = re.match(" *", below)[0]
        self.application.edit("app.py", f"{last}\n", f"{last}\n{IMPORT}\n")
        self.application.edit("app.py", f"{below}\n", f"{below}\n{indent}{line}\n")

    def go_on(self):
        """Steps 2 to 5, from everybody to one."""
        with self.application.running() as server:
            self.visit(server, YOURS, stranger=True)
            assert "nothing is enforced" in server.log()
            self.shows("refused")
            lines = settings_in(self.observed("--allow", YOURS))
        self.replace(NOBODY, *lines)
        with self.application.running() as server:
            self.visit(server, YOURS, stranger=True)
            self.shows("allowed")
        self.application.edit("app.py", "SIO_CORS_REPORT_ONLY", "SIO_CORS_OVERRIDE")
        with self.application.running() as server:
            self.visit(server, YOURS, stranger=False)
            assert f"Refused (origin-not-allowed): '{STRANGER}'" in server.log()

    def error(self):
        """What the application says that does not start."""
        with pytest.raises(RuntimeError) as ended, self.application.running():
            pass
        return str(ended.value)


def settings_in(shown):
    return [line.strip() for line in shown.splitlines() if line.strip().startswith("app.config[")]


def test_flask_login_and_everybody(tmp_path, run_clients):
    migration = Migration(run_clients, tmp_path, migrated.LOGIN)
    migration.before(YOURS, stranger=True)
    migration.add(REPORT_ONLY, NOBODY)
    migration.install(
        "from flask_socketio import SocketIO, emit",
        'socketio = SocketIO(app, cors_allowed_origins="*", async_mode="threading")',
    )
    migration.go_on()


def test_a_blueprint_and_a_factory(tmp_path, run_clients):
    migration = Migration(run_clients, tmp_path, migrated.FACTORY)
    migration.before(YOURS, stranger=True)
    migration.add(REPORT_ONLY, NOBODY)
    migration.install(
        "from extensions import socketio", "    socketio.init_app(app)", "SioCors().init_app(app)"
    )
    migration.go_on()


def test_everybody_with_credentials_and_flask_cors(tmp_path, run_clients):
    migration = Migration(run_clients, tmp_path, migrated.FLASK_CORS, path="ws")
    migration.before(YOURS, stranger=True)
    migration.add(REPORT_ONLY, NOBODY)
    migration.install(
        "from flask_socketio import SocketIO, emit",
        'socketio = SocketIO(\n    app,\n    async_mode="threading",\n'
        '    cors_allowed_origins="*",\n    cors_credentials=True,\n    path="ws",\n)',
    )
    migration.go_on()


def test_a_list_from_the_environment_with_slashes(tmp_path, run_clients):
    listed = f"{YOURS}/,{ADMIN}"
    migration = Migration(run_clients, tmp_path, migrated.ENVIRONMENT, ALLOWED_ORIGINS=listed)
    # The slash lets nobody in.
    migration.before(ADMIN, stranger=False)
    migration.install(
        "from flask_socketio import SocketIO, emit",
        "socketio = SocketIO(\n    app,\n"
        '    cors_allowed_origins=os.environ["ALLOWED_ORIGINS"].split(","),\n'
        '    async_mode="threading",\n)',
    )
    told = migration.error()
    assert f"'{YOURS}/' never matched" in told
    # To be looked at first, with what is printed beside it.
    migration.add(REPORT_ONLY, *settings_in(told))
    with migration.application.running() as server:
        migration.visit(server, ADMIN, stranger=False)
    migration.application.edit("app.py", f"{REPORT_ONLY}\n", "")
    call = '    cors_allowed_origins=os.environ["ALLOWED_ORIGINS"].split(","),\n'
    migration.application.edit("app.py", call, "")
    with migration.application.running() as server:
        migration.visit(server, YOURS, ADMIN, stranger=False)


def test_a_function_that_asks_a_database(tmp_path, run_clients):
    migration = Migration(run_clients, tmp_path, migrated.DATABASE)
    migration.before(YOURS, stranger=False)
    call = 'socketio = SocketIO(app, cors_allowed_origins=is_customer, async_mode="threading")'
    migration.install("from flask_socketio import SocketIO, emit", call)
    told = migration.error()
    migration.add(REPORT_ONLY, *settings_in(told))
    with migration.application.running() as server:
        migration.visit(server, YOURS, stranger=False)
        migration.shows("allowed")
    migration.application.edit("app.py", f"{REPORT_ONLY}\n", "")
    migration.application.edit("app.py", "cors_allowed_origins=is_customer, ", "")
    with migration.application.running() as server:
        migration.visit(server, YOURS, stranger=False)
