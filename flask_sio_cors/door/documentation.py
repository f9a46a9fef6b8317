"""Where the documentation says more: the address of its place for a reason, and for a finding."""

from __future__ import annotations

from typing import Final

from .verdicts import Reason

SITE: Final = "https://flask-sio-cors.readthedocs.io/en/latest/"
#: What to write into each proxy.
PROXIES: Final = f"{SITE}proxy.html"


def of_reason(reason: Reason) -> str:
    """Return the address of what is said of a reason of a verdict."""
    return f"{SITE}reasons.html#{reason.value}"


def of_finding(id_: str) -> str:
    """Return the address of what is said of a finding of the doctor or the audit."""
    return f"{SITE}troubleshooting.html#{id_}"
