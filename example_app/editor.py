"""The policy as a form: texts and switches to configuration values and back."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, MutableMapping
from enum import Enum
from typing import Any, Final, NamedTuple

from flask_sio_cors import ConfigError
from flask_sio_cors.config.keys import PREFIX
from flask_sio_cors.config.problems import Problem


class Kind(str, Enum):
    """How a setting is edited."""

    LINES = "lines"  #: one entry a line
    LIST = "list"  #: entries with commas between them
    TEXT = "text"
    SWITCH = "switch"


class Field(NamedTuple):
    """A setting that can be edited. Those that name code to run are not among them.

    :param is_rare: shown only to those who ask for more.
    """

    name: str
    kind: Kind
    label: str
    hint: str
    is_rare: bool = False

    @property
    def key(self) -> str:
        return PREFIX + self.name


FIELDS: Final = (
    Field(
        "ORIGINS",
        Kind.LINES,
        "Origins",
        "One a line, with * for subdomains or any port, or re.compile(…); * alone for all; true "
        "to reflect all; empty for the server's own origin only",
    ),
    Field("SUPPORTS_CREDENTIALS", Kind.SWITCH, "Credentials", "Cookies may come along"),
    Field("ALLOW_HEADERS", Kind.LIST, "Headers pages may send", "Empty: any"),
    Field("EXPOSE_HEADERS", Kind.LIST, "Headers pages may read", "Empty: the usual ones", True),
    Field("METHODS", Kind.LIST, "Methods", "Empty: GET, POST", True),
    Field("MAX_AGE", Kind.TEXT, "Preflights are valid for", "Seconds; empty: not said", True),
    Field("OPTIONS_SUCCESS_STATUS", Kind.TEXT, "Status of a preflight", "Empty: 204", True),
    Field(
        "TOLERATE_INSECURE_ORIGINS",
        Kind.SWITCH,
        "Credentials over http:",
        "For origins that are not on this machine",
        True,
    ),
    Field(
        "TOLERATE_PUBLIC_SUFFIXES",
        Kind.SWITCH,
        "Credentials for public suffixes",
        "Such as https://*.github.io",
        True,
    ),
)


def to_form(config: Mapping[str, Any]) -> dict[str, str | bool]:
    """Write the settings of ``app.config`` as the form shows them."""
    return {field.name: _shown(field, config.get(field.key)) for field in FIELDS}


def to_config(form: Mapping[str, Any]) -> dict[str, Any]:
    """Read the form; what is empty is left out, so that its default applies."""
    values = {field.key: _value(field, form.get(field.name)) for field in FIELDS}
    return {key: value for key, value in values.items() if value not in (None, "", [], False)}


def to_source(config: Mapping[str, Any]) -> str:
    """Write the settings as the Python lines to copy into an application."""
    lines = [f'app.config["{f.key}"] = {_source(config[f.key])}' for f in FIELDS if f.key in config]
    return "\n".join(lines) or "# nothing set: the server's own origin only"


def replace_settings(config: MutableMapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Set exactly these settings among those that the form knows."""
    for field in FIELDS:
        config.pop(field.key, None)
    config.update(settings)


def to_marks(error: ConfigError) -> list[dict[str, str]]:
    """Write a configuration's problems as marks at the form's fields."""
    return [_mark(problem) for problem in error.problems]


def _mark(problem: Problem) -> dict[str, str]:
    return {
        "field": problem.key.removeprefix(PREFIX),
        "value": str(problem.value),
        "reason": problem.reason,
        "correction": problem.correction,
        "replacement": _replacement(problem.correction),
    }


def _replacement(correction: str) -> str:
    """Turn a correction, which is Python, into what to type into the form; ``""`` for none."""
    if isinstance(_entry(correction), re.Pattern):
        return correction
    try:
        value = ast.literal_eval(correction)
    except (ValueError, SyntaxError):
        return ""
    return ", ".join(value) if isinstance(value, list) else str(value)


def _shown(field: Field, value: Any) -> str | bool:
    if field.kind is Kind.SWITCH:
        return bool(value)
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return ("\n" if field.kind is Kind.LINES else ", ").join(map(_shown_entry, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _shown_entry(entry: str | re.Pattern[str]) -> str:
    return f"re.compile({entry.pattern!r})" if isinstance(entry, re.Pattern) else entry


def _value(field: Field, shown: Any) -> Any:
    if field.kind is Kind.SWITCH:
        return shown is True
    text = str(shown or "").strip()
    if field.kind is Kind.TEXT:
        return text
    separator = "\n" if field.kind is Kind.LINES else ","
    entries = [_entry(entry.strip()) for entry in text.split(separator) if entry.strip()]
    if entries == ["*"]:
        return "*"
    return True if entries == ["true"] else entries


def _entry(text: str) -> str | re.Pattern[str]:
    """Read an entry of a list, which is a text or, spelled as in Python, a regular expression."""
    call = re.fullmatch(r"re\.compile\((.+)\)", text)
    if call is None:
        return text
    try:
        return re.compile(ast.literal_eval(call[1]))
    except (ValueError, SyntaxError, TypeError, re.error):
        return text


def _source(value: Any) -> str:
    if not isinstance(value, list):
        return _literal(value)
    entries = [_literal(entry) for entry in value]
    one_line = f"[{', '.join(entries)}]"
    return one_line if len(one_line) <= 50 else "[\n    " + ",\n    ".join(entries) + ",\n]"


def _literal(value: Any) -> str:
    if isinstance(value, re.Pattern):
        return f"re.compile({_literal(value.pattern)})"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
