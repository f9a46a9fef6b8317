"""Five applications that let too many in, or nobody, as people have them; from before SioCors."""

HANDLERS = """

@socketio.on("echo")
def echo(words):
    emit("echo", words)
    return words
"""

#: A login, and who it is that a client acts for.
ACCOUNT = """

@app.route("/login")
def login():
    session["user"] = "ada"
    return "welcome"


@socketio.on("whoami")
def whoami():
    return session.get("user")
"""

#: Flask-Login, and everybody.
LOGIN = {
    "app.py": """\
from flask import Flask
from flask_login import LoginManager, UserMixin, current_user, login_user
from flask_socketio import SocketIO, emit

app = Flask(__name__)
app.secret_key = "change me"
login_manager = LoginManager(app)
socketio = SocketIO(app, cors_allowed_origins="*", async_mode="threading")


class User(UserMixin):
    def __init__(self, name):
        self.id = name


login_manager.user_loader(User)


@app.route("/login")
def login():
    login_user(User("ada"))
    return "welcome"


@socketio.on("connect")
def connect():
    return current_user.is_authenticated


@socketio.on("whoami")
def whoami():
    return current_user.id
"""
    + HANDLERS
}

#: A factory, a blueprint, and the server in a module of its own.
FACTORY = {
    "extensions.py": """\
from flask_socketio import SocketIO

socketio = SocketIO(cors_allowed_origins="*", async_mode="threading", ping_timeout=5)
""",
    "chat.py": """\
from flask import Blueprint, session
from flask_socketio import emit

from extensions import socketio

chat = Blueprint("chat", __name__)


"""
    + ACCOUNT.lstrip().replace("@app.", "@chat.")
    + HANDLERS,
    "app.py": """\
from flask import Flask

from chat import chat
from extensions import socketio


def create_app():
    app = Flask(__name__)
    app.secret_key = "change me"
    app.register_blueprint(chat)
    socketio.init_app(app)
    return app
""",
}

#: Flask-CORS for the REST API, with credentials for everybody, and a server at another path.
FLASK_CORS = {
    "app.py": """\
from flask import Flask, jsonify, session
from flask_cors import CORS
from flask_socketio import SocketIO, emit

app = Flask(__name__)
app.secret_key = "change me"
app.config["CORS_ORIGINS"] = "*"
app.config["CORS_SUPPORTS_CREDENTIALS"] = True
CORS(app)
socketio = SocketIO(
    app,
    async_mode="threading",
    cors_allowed_origins="*",
    cors_credentials=True,
    path="ws",
)


@app.route("/login")
def login():
    session["user"] = "ada"
    return jsonify(welcome=True)


@socketio.on("whoami")
def whoami():
    return session.get("user")
"""
    + HANDLERS
}

#: A list from the environment, whose slashes let nobody in.
ENVIRONMENT = {
    "app.py": """\
import os

from flask import Flask, session
from flask_socketio import SocketIO, emit

app = Flask(__name__)
app.secret_key = "change me"
socketio = SocketIO(
    app,
    cors_allowed_origins=os.environ["ALLOWED_ORIGINS"].split(","),
    async_mode="threading",
)
"""
    + ACCOUNT
    + HANDLERS
}

#: A function of the origin and the request, which asks a database.
DATABASE = {
    "app.py": """\
import os
import sqlite3

from flask import Flask, session
from flask_socketio import SocketIO, emit

DATABASE = os.path.join(os.path.dirname(__file__), "customers.sqlite3")

with sqlite3.connect(DATABASE) as made:
    made.execute("CREATE TABLE IF NOT EXISTS customers (host TEXT, origin TEXT)")
    made.execute("DELETE FROM customers")
    made.execute("INSERT INTO customers VALUES ('127.0.0.1', 'https://app.example.com')")
made.close()


def is_customer(origin, environ):
    host = environ["HTTP_HOST"].partition(":")[0]
    database = sqlite3.connect(DATABASE)
    try:
        found = database.execute(
            "SELECT origin FROM customers WHERE host = ? AND origin = ?", (host, origin)
        )
        return found.fetchone()
    finally:
        database.close()


app = Flask(__name__)
app.secret_key = "change me"
socketio = SocketIO(app, cors_allowed_origins=is_customer, async_mode="threading")
"""
    + ACCOUNT
    + HANDLERS
}
