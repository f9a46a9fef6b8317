"""The rules of the doctor, and the names of all findings, the audit's included."""

from flask_sio_cors.doctor import audit
from flask_sio_cors.doctor.findings import Rule
from flask_sio_cors.doctor.rules import answers, cors, network, notes, session, websocket


def rules() -> list[Rule]:
    """Return every rule of the doctor's."""
    modules = (answers, cors, network, notes, session, websocket)
    tables = [value for module in modules for value in vars(module).values()]
    known = [rule for table in tables if isinstance(table, tuple) for rule in table]
    return [rule for rule in known if isinstance(rule, Rule)]


def ids() -> set[str]:
    """Return the id of every rule."""
    return {rule.id for rule in (*rules(), *audit.HOLES, audit.INCOMPLETE)}
