"""What a reader of a problem does: write the correction where the mistake stands."""

import json
import os
import re
from collections.abc import Mapping
from typing import Any

from flask import Flask

from flask_sio_cors import ConfigError, Problem
from flask_sio_cors.config.keys import FALLBACK_PREFIX
from flask_sio_cors.config.options import SETTINGS, Options
from flask_sio_cors.origins.texts import listed_in

_KNOWN_KEYS = {s.key for s in SETTINGS} | {f"{FALLBACK_PREFIX}{s.name}" for s in SETTINGS}


def problems_in(config: Mapping[str, Any]) -> tuple[Problem, ...]:
    """Return what start-up says of a configuration."""
    try:
        Options.from_config(config)
    except ConfigError as error:
        return error.problems
    return ()


def paste(
    config: Mapping[str, Any], problem: Problem, first: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a configuration as the reader of one problem leaves it.

    :param first: the one that the problem was found in, where others have been mended since.
    """
    pasted = dict(config)
    if problem.place == "in its place":
        pasted.pop(problem.key)
        exec(problem.correction, {}, pasted)
        return pasted
    if problem.place:
        return pasted | {problem.key: _with_rewritten(pasted[problem.key], problem)}
    if problem.key not in _KNOWN_KEYS and not problem.key.startswith("SIO_CORS_POLICIES"):
        value = pasted.pop(problem.key)
        return pasted | ({problem.correction: value} if problem.correction else {})
    present = pasted[problem.key]
    is_text = isinstance(present, str) and listed_in(present) is None
    is_read = isinstance(present, str) and isinstance(problem.value, dict)
    is_whole = is_read or _bare((first or config).get(problem.key)) == _bare(problem.value)
    if problem.target or present is problem.value or is_whole:
        key = problem.target or problem.key
        is_bare = is_text and (first or config)[problem.key] in os.environ.values()
        return pasted | {key: problem.correction if is_bare else _evaluated(problem.correction)}
    if isinstance(present, str):
        # An entry of a text may have been mended already, where it stood twice.
        mended = _replaced(present, problem, problem.correction)
        return pasted if mended is None else pasted | {problem.key: mended}
    entries = list(present)
    for place, one in enumerate(entries):
        if one is problem.value or one == problem.value:
            entries[place : place + 1] = _evaluated(f"[{problem.correction}]")
            return pasted | {problem.key: entries}
    assert isinstance((first or config)[problem.key], str)  # of which all has been mended at once
    return pasted


def _with_rewritten(value: Any, problem: Problem) -> Any:
    """Return a value with a function whose first line was written anew, and which says yes."""
    scope: dict[str, Any] = {}
    exec(f"{problem.correction}\n    return True", scope)
    name = problem.correction.partition("(")[0].removeprefix("def ")
    function = type("Rewritten", (), scope)() if "(self" in problem.correction else scope[name]
    if isinstance(value, list):
        return [function if one is problem.value else one for one in value]
    return function


def _bare(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def _evaluated(source: str) -> Any:
    return eval(source or "[]", {"re": re})


def _replaced(text: str, problem: Problem, correction: str) -> str | None:
    """Write a correction where an entry stands in a text, plain or in quotes."""
    plain = re.escape(str(problem.value))
    quoted = f"{re.escape(json.dumps(problem.value))}|{re.escape(repr(problem.value))}"
    is_listed = text.lstrip()[:1] in ("[", "(")
    found = re.search(quoted if is_listed else rf"(?<![^\s,;])(?:{plain})(?![^\s,;])", text)
    if found is None:
        return None
    before, behind = text[: found.start()], text[found.end() :]
    if not correction and is_listed:
        behind = re.sub(r"^\s*,", "", behind)
        before = before if behind.strip() not in ("]", ")") else re.sub(r",\s*$", "", before)
    return f"{before}{correction}{behind}"


def from_environment(texts: Mapping[str, str], monkeypatch: Any) -> dict[str, Any]:
    """Return what Flask makes of variables, by the keys that they set."""
    for key, text in texts.items():
        monkeypatch.setenv(f"PASTED_{key}", str(text))
    app = Flask("pasted")
    app.config.from_prefixed_env("PASTED")
    return {key: app.config[key] for key in texts}
