"""The codes on ``docs/problem-codes.md``; ``python -m tests.support.problem_codes`` writes them."""

import re
from pathlib import Path

from flask_sio_cors import Code

PAGE = Path(__file__).parents[2] / "docs" / "problem-codes.md"
HEAD = "| code | what is wrong |\n| --- | --- |\n"


def table() -> str:
    """Return the rows, as the code has them."""
    return HEAD + "".join(f"| `{code}` | {meaning(code)} |\n" for code in Code)


def meaning(code: Code) -> str:
    """Return what a code stands for, without what is found in each case."""
    name = code.removesuffix("-invalid").replace("-", "_").upper()
    if not code.sentence:
        return f"anything else about the value of `SIO_CORS_{name}`"
    sentence = re.sub(r"\s*\(?\{[^}]*\}\)?:?", " …", code.sentence).strip()
    return MEANINGS.get(code) or sentence.replace("|", "\\|")


#: Of those whose sentence is another in each case.
MEANINGS = {
    Code.HOST_INVALID: "has a host that no browser sends",
    Code.REGEX_UNFIT: "is an expression that cannot be asked at each request",
    Code.CREDENTIALS_FOR_STRANGERS: "lets in names that anybody can register, with credentials",
}


def written() -> str:
    """Return the page, with the table as it should be."""
    before, _, behind = PAGE.read_text("utf-8").partition(HEAD)
    return before + table() + "\n" + behind.partition("\n\n")[2]


if __name__ == "__main__":
    PAGE.write_text(written(), "utf-8")
