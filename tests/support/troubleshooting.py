"""Writes the doctor's output into `docs/troubleshooting.md`.

Run it as `python -m tests.support.troubleshooting`.

A block after `<!-- doctor: NAME -->` shows what the doctor prints about the broken server of that
name; whatever changes from run to run is replaced, letter for letter.
"""

import re
import shlex
from contextlib import ExitStack

from click.testing import CliRunner

from flask_sio_cors.cli import main as sio_cors
from tests.support.broken_servers import (
    BROKEN,
    HALF_BROKEN,
    HEALTHY,
    REFUSING,
    TOLD,
    WRONG,
    Case,
    Serve,
)
from tests.support.headings import PAGE

WIDTH = "80"
_BLOCK = re.compile(r"(<!-- doctor: (.+?) -->\n```text\n)(.*?)(```\n)", re.DOTALL)

CASES = {case.name: case for case in (*BROKEN, *HALF_BROKEN, *REFUSING, *TOLD, *WRONG)}
METHOD = "a page that sends PUT"


def main() -> None:
    PAGE.write_text(current(PAGE.read_text()))


def current(page: str) -> str:
    """Return the page with every block as the doctor prints it now."""
    return _BLOCK.sub(lambda block: block[1] + output(block[2]) + block[4], page)


def output(name: str) -> str:
    """Return the command about a broken server, and what it prints."""
    if name == METHOD:
        return _run(HEALTHY.serve, ["--method=PUT"], "http://localhost:8080")
    case: Case = CASES[name]
    origin = "https://localhost:8080" if case.secure else "http://localhost:8080"
    if case in WRONG:
        return _run(case.serve, [], origin, "audit")
    waits = case.options.get("timeout")
    # What is waited for in vain looks the same when that is over sooner.
    hidden = () if waits is None else (f"--timeout={waits / 1000}",)
    return _run(case.serve, case.arguments, origin, hidden=hidden)


def _run(
    serve: Serve,
    arguments: list[str],
    origin: str,
    command: str = "doctor",
    hidden: tuple[str, ...] = (),
) -> str:
    with ExitStack() as stack:
        url = serve(stack)
        words = [command, url, "--origin", origin, *arguments]
        # What works would be watched for a while, and look the same then.
        unwatched = ["--watch=0"] * (command == "doctor")
        told = CliRunner(env={"COLUMNS": WIDTH}).invoke(sio_cors, [*words, *unwatched, *hidden])
    command = " ".join(["$ sio-cors", *(_as_typed(word) for word in words)])
    return _without_chance(f"{command}\n\n{told.stdout}")


def _as_typed(word: str) -> str:
    return word.replace("=", " ", 1) if word.startswith("--") else shlex.quote(word)


def _without_chance(text: str) -> str:
    ports = dict.fromkeys(re.findall(r"127\.0\.0\.1:([2-6]\d{4})", text))
    for n, port in enumerate(ports):
        text = text.replace(port, str(50000 + n))
    for pattern, constant in (
        (r"(?<=[?&]t=)[0-9a-f]{8}", "NMnp2WIa"),
        (r"(?<=sid=)[\w-]{20}", "Lbo5JLzTotvW3g2LAAAA"),
        (r'(?<=sid":")[\w-]{20}|(?<=sid\\":\\")[\w-]{20}', "Lbo5JLzTotvW3g2LAAAA"),
        (r"(?<=session )[\w-]{20}", "Lbo5JLzTotvW3g2LAAAA"),
        (r"(?<=sio-cors-doctor-)[0-9a-f]{8}", "1f3a9c27"),
        (r" \(\[Errno.*?\)$", ""),
        # Which of the two it is depends on who is faster, the end of the connection or the request.
        (r"ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"),
        (r"(?<=closed without an answer) \(.*\)$", ""),
        (r"in \d+\.\d s", "in 0.1 s"),
        (r" +$", ""),
    ):
        text = re.sub(pattern, constant, text, flags=re.MULTILINE)
    return text


if __name__ == "__main__":
    main()
