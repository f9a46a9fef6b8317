"""What is published: a wheel of the package alone, and a source distribution that can be tested."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.support.harness import REPOSITORY


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the source distribution, and the wheel that was made of it."""
    folder = tmp_path_factory.mktemp("dist")
    # What is committed or about to be, and not what earlier builds have left in the repository.
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (REPOSITORY / ".git").exists():
        names = subprocess.check_output(listed, cwd=REPOSITORY, text=True).split("\0")
    else:
        names = [str(path.relative_to(REPOSITORY)) for path in REPOSITORY.rglob("*")]
    source = folder / "source"
    for name in filter(None, names):
        if (REPOSITORY / name).is_file() and "node_modules" not in name and ".venv" not in name:
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_bytes((REPOSITORY / name).read_bytes())
    command = [sys.executable, "-m", "build", "--outdir", str(folder), source]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stdout + made.stderr
    return folder


def unpacked(built: Path, folder: Path) -> Path:
    (archive,) = built.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    (root,) = folder.iterdir()
    return root


def test_the_wheel_has_the_package_alone(built):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert "flask_sio_cors/py.typed" in names
    assert {name.split("/")[0].split("-")[0] for name in names} == {"flask_sio_cors"}
    installed = {name for name in names if name.endswith(".py")}
    present = {str(p.relative_to(REPOSITORY)) for p in REPOSITORY.glob("flask_sio_cors/**/*.py")}
    assert installed == present


def test_the_source_distribution_passes_the_quick_tests_elsewhere(built, tmp_path):
    root = unpacked(built, tmp_path)
    assert {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "docs"} <= {
        path.name for path in root.iterdir()
    }
    # A virtual environment of its own, made by the Makefile as for anybody who unpacks it.
    # What this test may be run by says nothing to that make.
    env = {name: v for name, v in os.environ.items() if not name.startswith(("MAKE", "ARGS"))}
    quick = subprocess.run(["make", "quick"], cwd=root, env=env, capture_output=True, text=True)
    assert quick.returncode == 0, quick.stdout[-3000:] + quick.stderr[-3000:]
    assert " passed" in quick.stdout
