"""The headings of `docs/troubleshooting.md`: the messages that users search for."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "troubleshooting.md"


def is_heading(message: str) -> bool:
    """Tell whether the page has a heading of these words; `{value}` stands for “xyz” in them."""
    headings = [line.lstrip("# ") for line in PAGE.read_text().splitlines() if line[:1] == "#"]
    return message.replace("{value}", "xyz") in headings
