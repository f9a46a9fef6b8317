"""Rules are data: what they rest on is asked for, and nobody asks for their names."""

import ast

from flask_sio_cors.doctor.plan import _ASIDES
from tests.support import findings
from tests.support.house import sources


def test_a_rule_rests_on_requests_that_the_plan_has() -> None:
    asked = {name for name, _, _ in _ASIDES}
    shown = {
        name for rule in findings.rules() if isinstance(rule.proof, tuple) for name in rule.proof
    }
    assert shown - asked == set()


def test_no_branch_hangs_on_a_findings_name() -> None:
    names = findings.ids()
    compared = [
        (path, constant.value)
        for path, source in sources().items()
        for node in ast.walk(ast.parse(source))
        if path.startswith("doctor/") and isinstance(node, ast.Compare)
        for constant in ast.walk(node)
        if isinstance(constant, ast.Constant) and constant.value in names
    ]
    assert compared == []
