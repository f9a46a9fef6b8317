"""Makes a release: `make release` builds what is published, checks it, and tags it.

The version is that of `pyproject.toml`, and the changelog gets its date. Nothing is changed unless
everything is as it has to be, and nothing is published: what to do last is printed.
"""

import argparse
import datetime
import re
import subprocess
import sys
import zipfile
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
PACKAGE = "flask_sio_cors"


class NotReadyError(Exception):
    """What has to be done before this version can be released."""


def main(arguments: list[str] | None = None) -> None:
    """Make the release, or say what it lacks."""
    parser = argparse.ArgumentParser("python -m tests.support.release", description=__doc__)
    parser.add_argument("--no-isolation", action="store_true", help="build with what is installed")
    options = parser.parse_args(arguments)
    try:
        version = release(REPOSITORY, *["--no-isolation"] * options.no_isolation)
    except NotReadyError as error:
        sys.exit(f"No release: {error}")
    print(
        f"dist/ holds {version}, and v{version} is tagged. Publish it:\n"
        f"  git push origin HEAD v{version}\n  {sys.executable} -m twine upload dist/*"
    )


def release(repository: Path, *build_options: str) -> str:
    """Build, check, date the changelog, commit and tag; return the version.

    :raise NotReadyError: with all as it was.
    """
    version = version_of(repository)
    if git(repository, "status", "--porcelain"):
        raise NotReadyError("something is not committed. Commit it, or take it back.")
    if git(repository, "tag", "--list", f"v{version}"):
        raise NotReadyError(f"v{version} is tagged already. Raise the version in pyproject.toml.")
    if f"\n## {version}" not in (repository / "docs/upgrading.md").read_text("utf-8"):
        raise NotReadyError(f"docs/upgrading.md does not say what {version} asks of its users.")
    changelog = repository / "CHANGELOG.md"
    before = changelog.read_text("utf-8")
    changelog.write_text(dated(before, version, datetime.date.today()), "utf-8")
    try:
        check(build(repository, repository / "dist", *build_options), repository)
    except BaseException:
        changelog.write_text(before, "utf-8")
        raise
    git(repository, "commit", "--quiet", "--message", f"Release {version}", "CHANGELOG.md")
    git(repository, "tag", "--annotate", "--message", f"Version {version}", f"v{version}")
    return version


def version_of(repository: Path) -> str:
    """Return the version of the project's metadata."""
    text = (repository / "pyproject.toml").read_text("utf-8")
    return re.search(r'^version = "(.+)"', text, re.MULTILINE)[1]


def dated(changelog: str, version: str, day: datetime.date) -> str:
    """Return the changelog with the day at which the version is released."""
    heading = f"## {version} (unreleased)\n"
    _, found, changes = changelog.partition(heading)
    if not found or not changes.partition("\n## ")[0].strip():
        raise NotReadyError(f"CHANGELOG.md has no changes below the heading “{heading.strip()}”.")
    return changelog.replace(heading, f"## {version} ({day.isoformat()})\n")


def build(source: Path, folder: Path, *options: str) -> list[Path]:
    """Make a source distribution, and a wheel from it; return both."""
    for old in folder.glob("*"):
        old.unlink()
    run(sys.executable, "-m", "build", *options, "--outdir", str(folder), str(source))
    return sorted(folder.iterdir())


def check(built: list[Path], source: Path) -> None:
    """Look at what was built as an index does, and into the wheel."""
    run(sys.executable, "-m", "twine", "check", "--strict", *map(str, built))
    (wheel,) = (path for path in built if path.suffix == ".whl")
    faults = wheel_faults(wheel, source)
    if faults:
        raise NotReadyError("; ".join(faults))


def wheel_faults(wheel: Path, source: Path) -> list[str]:
    """Return what a wheel has too much and what it lacks, of the package and its metadata."""
    names = {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}
    files = {name for name in names if ".dist-info/" not in name}
    wanted = {
        path.relative_to(source).as_posix()
        for pattern in ("**/*.py", "py.typed", "**/schemas/*.json")
        for path in (source / PACKAGE).glob(pattern)
    }
    described = {name.partition(".dist-info/")[2] for name in names - files}
    needed = {"METADATA", "entry_points.txt", "licenses/LICENSE"}
    return [
        *(f"the wheel has {name}, which is not of the package" for name in sorted(files - wanted)),
        *(f"the wheel lacks {name}" for name in sorted((wanted - files) | (needed - described))),
    ]


def git(repository: Path, *words: str) -> str:
    return run("git", "-C", str(repository), *words)


def run(*command: str) -> str:
    """Run a command, and return what it prints; one that fails is a `NotReadyError`."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        raise NotReadyError(f"{' '.join(command[:6])} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
