"""`docs/troubleshooting.md`: Firefox's messages are headings, each output is the doctor's own."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support import findings, troubleshooting
from tests.support.headings import is_heading

TEXT = troubleshooting.PAGE.read_text()
NAMES = re.findall(r"<!-- doctor: (.+?) -->", TEXT)
OMNI = Path("/usr/lib/firefox-esr/omni.ja")
PROPERTIES = "chrome/en-US/locale/en-US/global/security/security.properties"


def test_every_reason_of_the_installed_firefox_is_a_heading() -> None:
    if not OMNI.exists() or shutil.which("unzip") is None:
        absent = "needs Firefox and unzip: apt-get install firefox-esr unzip"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(absent)
    # Firefox's archive is no regular zip file: unzip reads it and complains.
    text = subprocess.run(["unzip", "-p", str(OMNI), PROPERTIES], capture_output=True).stdout
    reasons = re.findall(r"^CORS\w+=.*\(Reason: (.*)\)", text.decode(), re.MULTILINE)
    assert len(reasons) >= 15
    absent = [reason for reason in reasons if not is_heading(re.sub(r"%\d\$S", "xyz", reason))]
    assert absent == []


@pytest.mark.parametrize("name", NAMES)
def test_the_output_on_the_page_is_the_doctors_own(name: str) -> None:
    (shown,) = (block[3] for block in troubleshooting._BLOCK.finditer(TEXT) if block[2] == name)
    own = troubleshooting.output(name)
    assert shown == own, "run: python -m tests.support.troubleshooting"


def test_the_link_of_every_finding_leads_to_a_heading() -> None:
    ids = findings.ids()
    assert len(ids) > 70
    assert {id_ for id_ in ids if not is_heading(id_)} == set()


def test_every_name_that_is_explained_is_that_of_a_finding() -> None:
    listed = TEXT.partition("## Findings, by name")[2]
    assert set(re.findall(r"^#### (.+)$", listed, re.MULTILINE)) <= findings.ids()
