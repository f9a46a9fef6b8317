"""An application's name, by which its commands find what its server has written."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY

SOURCE = """
from flask import Flask
from flask_sio_cors.live.naming import known_as

print(known_as(Flask(__name__)))
"""


@pytest.mark.parametrize(
    ("how", "name"),
    [
        (["chat/server.py"], "server"),
        (["-m", "chat.server"], "chat.server"),
        (["-c", "import chat.server"], "chat.server"),
    ],
    ids=["a file", "a module", "imported"],
)
def test_a_module_has_its_own_name_where_it_is_run_as_one(
    tmp_path: Path, how: list[str], name: str
) -> None:
    (tmp_path / "chat").mkdir()
    (tmp_path / "chat" / "server.py").write_text(SOURCE)
    run = subprocess.run(
        [sys.executable, *how],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert (run.stdout.strip(), run.stderr) == (name, "")
