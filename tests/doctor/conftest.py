"""The two browsers that look at what the doctor looks at."""

import os
from collections.abc import Iterator

import pytest

from tests.support import consoles

Browsers = tuple[consoles.Pages, consoles.Firefox, consoles.Chromium]


@pytest.fixture(scope="session")
def browsers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browsers]:
    missing = consoles.missing()
    if missing is not None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(missing)
    with consoles.browsers(tmp_path_factory.mktemp("profiles")) as started:
        yield started
