"""Options of ``SocketIO`` that decide in another place, or were meant to."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any, Final

from ..origins.codes import Code
from .engineio import Equivalent, equivalent, union
from .keys import PREFIX
from .problems import Problem
from .scope import caller
from .sources import shown
from .values import spelled_bool

# Options of Flask-SocketIO that SioCors replaces, and what others write in their place.
_ORIGINS: Final = "cors_allowed_origins"
_CREDENTIALS: Final = "cors_credentials"
_OWN_OPTIONS: Final = (_ORIGINS, _CREDENTIALS)
_MEANT_OPTIONS: Final = ("cors", "origin", "origins", "allowed_origins", "allow_origins")

# With either of these, what a server was told is no mistake.
_STANDING: Final = (f"{PREFIX}REPORT_ONLY", f"{PREFIX}OVERRIDE")
_PLACE: Final = "above SioCors(app)"
_ELSEWHERE: Final = Code.OPTION_CONFLICTS.sentence
_NO_OPTION: Final = Code.OPTION_UNKNOWN.sentence
_SETTINGS: Final = f"{PREFIX}ORIGINS lists the origins that may connect"
_DECIDED: Final = f"{PREFIX}ORIGINS, which is set, decides"
_LIBRARYS: Final = f"Where a library makes that call, set {PREFIX}OVERRIDE = True instead"


def conflicts(
    servers: Iterable[Mapping[str, Any]], config: Mapping[str, Any], app: object
) -> tuple[Problem, ...]:
    """Return the problems with the options of an application's servers that are about origins.

    Each says which argument to remove, and the settings that say the same.

    :param servers: the options of each, by the names that its ``SocketIO`` was given them under.
    :param config: the application's, whose own settings stay as they are.
    :param app: the application, to name it as the caller does.
    """
    given = [_about_cors(options) for options in servers]
    if not any(given) or any(spelled_bool(config.get(key)) for key in _STANDING):
        return ()
    scope = caller()
    same = union(
        equivalent(options.get(_ORIGINS), bool(options.get(_CREDENTIALS, True)), scope)
        for options in given
        if options.keys() & set(_OWN_OPTIONS)
    )
    name = scope.name_of(app) or "app"
    return tuple(
        _problem(option, options, same, config, name) for options in given for option in options
    )


def replaced_options(options: Mapping[str, Any]) -> str:
    """Say which of a server's options the settings stand for; ``""`` for none."""
    told = [f"{name}={shown(value)}" for name, value in _about_cors(options).items()]
    return f"the SIO_CORS_ settings replace SocketIO({', '.join(told)})" if told else ""


def _about_cors(options: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: value
        for name, value in options.items()
        if _is_about_cors(name) and not (name == _ORIGINS and value is None)
    }


def _is_about_cors(option: str) -> bool:
    return (
        option in _MEANT_OPTIONS
        or option.startswith("cors_")
        or bool(difflib.get_close_matches(option, _OWN_OPTIONS, 1, 0.8))
    )


def _problem(
    option: str,
    given: Mapping[str, Any],
    same: Equivalent,
    config: Mapping[str, Any],
    app: str,
) -> Problem:
    key, value = f"SocketIO({option}=…)", given[option]
    if option not in _OWN_OPTIONS:
        reason = f"{_NO_OPTION}. Remove {option}; {_SETTINGS}"
        lines = "" if f"{PREFIX}ORIGINS" in config else _lines(_meant(value).settings or {}, app)
        place = _PLACE if lines else ""
        return Problem(key, value, reason, lines, Code.OPTION_UNKNOWN, place=place)
    if f"{PREFIX}ORIGINS" in config:
        told = [_ELSEWHERE, f"Remove {option}: {_DECIDED}", _LIBRARYS]
        return Problem(key, value, _sentences(*told), "", Code.OPTION_CONFLICTS)
    if option == _CREDENTIALS and _ORIGINS in given:
        told = [_ELSEWHERE, f"Remove {option}; the lines for {_ORIGINS} stand for both"]
        return Problem(key, value, _sentences(*told), "", Code.OPTION_CONFLICTS)
    told = [_ELSEWHERE, *same.remarks]
    if same.settings is None:
        told.append("To see who comes before you name them, leave that call as it is")
        # Also where Flask-CORS's keys would let everybody in, so that it is seen who comes.
        settings = {f"{PREFIX}REPORT_ONLY": "True", f"{PREFIX}ORIGINS": "[]"}
    else:
        told += [f"Remove {option} from that call", _LIBRARYS]
        settings = {name: text for name, text in same.settings.items() if name not in config}
    statements = "\n".join([*same.imports, _lines(settings, app)])
    return Problem(key, value, _sentences(*told), statements, Code.OPTION_CONFLICTS, place=_PLACE)


def _lines(settings: Mapping[str, str], app: str) -> str:
    return "\n".join(f'{app}.config["{name}"] = {text}' for name, text in settings.items())


def _meant(value: Any) -> Equivalent:
    """Return the settings for an option that there is not, or as Node.js has it."""
    options = value if isinstance(value, Mapping) else {"origin": value}
    origins = options.get("origin", options.get("origins"))
    if not isinstance(origins, (str, list, tuple)) or not origins:
        return Equivalent(None)
    return equivalent(origins, bool(options.get("credentials")), caller())


def _sentences(*sentences: str) -> str:
    return ". ".join(dict.fromkeys(sentences))
