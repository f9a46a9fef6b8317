"""What is published: a wheel of the package alone, and a source distribution that can be tested."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from tests.support import release
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
    release.build(source, folder / "dist")
    return folder / "dist"


PACKAGE = release.PACKAGE


def unpacked(built: Path, folder: Path) -> Path:
    (archive,) = built.glob("*.tar.gz")
    subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)
    (root,) = folder.iterdir()
    return root


def test_what_is_built_is_fit_to_be_published(built):
    release.check(sorted(built.iterdir()), REPOSITORY)


@pytest.mark.skipif(not (REPOSITORY / ".git").exists(), reason="needs the repository's history")
def test_a_release_is_one_command(tmp_path):
    clone = tmp_path / "clone"
    # What is committed or not: this is about the command.
    subprocess.run(["git", "clone", "--quiet", "--shared", REPOSITORY, clone], check=True)
    for name in ("pyproject.toml", "CHANGELOG.md", "docs/upgrading.md"):
        shutil.copy(REPOSITORY / name, clone / name)
    shutil.copytree(REPOSITORY / PACKAGE, clone / PACKAGE, dirs_exist_ok=True)
    who = ("-c", "user.name=Tests", "-c", "user.email=tests@example.com")
    release.git(clone, "add", "--all")
    release.git(clone, *who, "commit", "--quiet", "--allow-empty", "--message", "As it stands")
    release.git(clone, "config", "user.name", "Tests")
    release.git(clone, "config", "user.email", "tests@example.com")
    version = release.release(clone, "--no-isolation")
    assert release.git(clone, "tag", "--list").split() == [f"v{version}"]
    assert f"## {version} (2" in (clone / "CHANGELOG.md").read_text("utf-8")
    assert len(list((clone / "dist").iterdir())) == 2
    with pytest.raises(release.NotReadyError, match="is tagged already"):
        release.release(clone)


def test_the_source_distribution_passes_the_quick_tests_elsewhere(built, tmp_path):
    root = unpacked(built, tmp_path)
    assert {"CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md", "docs"} <= {
        path.name for path in root.iterdir()
    }
    # A virtual environment of its own, made by the Makefile as for anybody who unpacks it, to whom
    # all that pyproject.toml asks for has been downloaded before: it is in the one of these tests.
    of_its_own = {"base": str(root / ".venv"), "platbase": str(root / ".venv")}
    packages = Path(sysconfig.get_path("purelib", vars=of_its_own))
    packages.mkdir(parents=True)
    (packages / "downloaded.pth").write_text(sysconfig.get_path("purelib"))
    # What this test may be run by says nothing to that make; nor where the package is found.
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MAKE", "ARGS", "PYTHONPATH"))
    }
    make = ["make", "quick", f"PYTHON={sys.executable}"]
    quick = subprocess.run(make, cwd=root, env=env, capture_output=True, text=True)
    assert quick.returncode == 0, quick.stdout[-3000:] + quick.stderr[-3000:]
    assert " passed" in quick.stdout
