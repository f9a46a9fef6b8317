"""Makes the pictures of the documentation; `make pictures` runs it.

What they show is what the lab and the doctor show now, and what `docs/pictures/*.html` draw.
"""

import html
import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

from example_app.addresses import Addresses
from tests.support.example import REPOSITORY, Example
from tests.support.screens import Screen, Screens
from tests.support.troubleshooting import output

FOLDER = REPOSITORY / "docs" / "pictures"
DRAWINGS = ("fleet", "request")
#: The broken server that the doctor is shown with.
PATIENT = "origin not in the list"
LAB_READY = (
    "document.querySelector('#score').dataset.state === 'connected'"
    " && !document.querySelector('[data-pending]')"
)


def main() -> None:
    """Make all pictures anew."""
    with Screens() as screens:
        for name in DRAWINGS:
            for scheme, screen in both_schemes(screens, (FOLDER / f"{name}.html").as_uri()):
                screen.save(FOLDER / f"{name}-{scheme}.png", element="#picture")
        show_doctor(screens)
        with tempfile.TemporaryDirectory() as folder:
            show_lab(screens, Path(folder))


def both_schemes(screens: Screens, url: str, **window: object) -> Iterator[tuple[str, Screen]]:
    for scheme in ("light", "dark"):
        options = {"width": 1000, "scale": 2, **window}
        with screens.open(url, dark=scheme == "dark", **options) as screen:
            yield scheme, screen


def show_lab(screens: Screens, folder: Path) -> None:
    with Example(folder / "log", addresses=Addresses) as example:
        url = f"{example.addresses.page}/lab"
        for scheme, screen in both_schemes(screens, url, width=1440, scale=1, ready=LAB_READY):
            screen.save(FOLDER / f"lab-{scheme}.png")


def show_doctor(screens: Screens) -> None:
    marked = html.escape(output(PATIENT))
    for pattern, tag in (
        (r"^\$ .*", "em"),
        (r"^No: .*", "b"),
        (r"^  [A-Z][\w. ]{8,9}(?= )", "u"),
    ):
        marked = re.sub(pattern, rf"<{tag}>\g<0></{tag}>", marked, flags=re.MULTILINE)
    with screens.open((FOLDER / "terminal.html").as_uri(), width=1000, scale=1.5) as screen:
        screen.evaluate(f"document.querySelector('pre').innerHTML = {json.dumps(marked)}")
        screen.save(FOLDER / "doctor.png", element="#picture")


if __name__ == "__main__":
    main()
