"""What is said of a function that cannot be asked works when it is written into its file."""

import importlib
import re
import sys

import pytest

from flask_sio_cors.config.options import Options
from tests.support.pasting import problems_in

ORIGIN, REQUEST = "SIO_CORS_ORIGINS", "SIO_CORS_ALLOW_REQUEST"

#: A function → the line that it is to begin with, and what else is changed, as that line says.
SOURCES = {
    "no argument": (ORIGIN, "def allow():\n    return True", "def allow(origin):"),
    "the environ first": (
        ORIGIN,
        "def allow(environ, origin):\n    return origin == environ.get('HTTP_ORIGIN', origin)",
        "def allow(origin, environ):",
    ),
    "three arguments": (
        ORIGIN,
        "def allow(o, env, callback):\n    return o.startswith('https:')",
        "def allow(o, env, callback=None):",
    ),
    "needed by name": (
        ORIGIN,
        "def allow(origin: str, *, tenant: str) -> bool:\n    return tenant is None",
        "def allow(origin, *, tenant=None):",
    ),
    "asynchronous": (
        ORIGIN,
        "async def allow(origin):\n    return await known(origin)\n\n"
        "def known(origin):\n    return True",
        "def allow(origin):  # without await in it",
    ),
    "a generator": (
        ORIGIN,
        "def allow(origin):\n    yield True",
        "def allow(origin):  # with return in the place of yield",
    ),
    "a method": (
        ORIGIN,
        "class List:\n    def __call__(self):\n        return True\n\nallow = List()",
        "def __call__(self, origin):",
    ),
    "a bound method": (
        ORIGIN,
        "class List:\n    def has(self):\n        return True\n\nallow = List().has",
        "def has(self, origin):",
    ),
    "a request and more": (
        REQUEST,
        "def allow(session, request, *more):\n    return session is None",
        "def allow(request, session=None, *more):",
    ),
    "decorated": (
        REQUEST,
        "import functools\n\ndef kept(f):\n    return functools.wraps(f)(lambda *a: f(*a))\n\n"
        "@kept\ndef allow():\n    return True",
        "def allow(request):",
    ),
}


@pytest.mark.parametrize("is_name", [False, True], ids=["itself", "its name"])
@pytest.mark.parametrize(("key", "source", "line"), SOURCES.values(), ids=SOURCES)
def test_the_line_works_where_it_belongs(tmp_path, monkeypatch, key, source, line, is_name):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    file = tmp_path / "written.py"

    def configured(text):
        file.write_text(text)
        sys.modules.pop("written", None)
        importlib.invalidate_caches()
        module = importlib.import_module("written")
        return {key: "written:allow" if is_name else module.allow}

    [problem] = problems_in(configured(source))
    assert problem.correction == line
    place = re.fullmatch(rf"in {re.escape(str(file))}, line (\d+)", problem.place)
    assert problem.advice == f"write {problem.place}:\n{line}"
    lines = source.splitlines()
    number = int(place[1]) - 1
    number += lines[number].startswith("@")
    indented = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
    lines[number] = f"{indented}{line}"
    mended = "\n".join(lines)
    if "await" in line:
        mended = mended.replace("return await", "return")
    if "yield" in line:
        mended = mended.replace("yield True", "return True")
    options = Options.from_config(configured(mended))
    arguments = ("https://a.example", {})[
        : 2 if options.functions and options.functions[0].needs_environ else 1
    ]
    ask = options.functions[0].ask if options.functions else options.allow_request
    assert ask(*arguments) is True
    sys.modules.pop("written", None)


def test_a_lambda_is_written_anew_with_its_body():
    known = {"https://a.example"}
    config = {ORIGIN: lambda: len(known) == 1}
    [problem] = problems_in(config)
    assert problem.advice == "write: lambda origin: len(known) == 1"
    config = {REQUEST: lambda request, more: more is None}
    assert problems_in(config)[0].advice == "write: lambda request, more=None: more is None"


def test_where_nothing_tells_what_was_meant_everybody_is_kept_out():
    for config in ({ORIGIN: dict}, {REQUEST: 5}, {ORIGIN: "re:IGNORECASE"}):
        [problem] = problems_in(config)
        assert problem.is_example
        assert problem.place == ""
    two = (lambda: True, lambda: False)
    assert problems_in({ORIGIN: two[0]})[0].correction == "lambda origin: False"
