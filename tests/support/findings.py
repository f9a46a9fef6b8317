"""The names of all findings, of the doctor's and of the audit's."""

from flask_sio_cors.doctor import audit
from flask_sio_cors.doctor.findings import Rule
from flask_sio_cors.doctor.rules import answers, cors, network, notes, session, websocket


def ids() -> set[str]:
    """Return the id of every rule."""
    modules = (answers, cors, network, notes, session, websocket)
    tables = [value for module in modules for value in vars(module).values()]
    rules = [rule for table in tables if isinstance(table, tuple) for rule in table]
    return {rule.id for rule in (*rules, *audit.RULES) if isinstance(rule, Rule | audit.Rule)}
