"""A release that lacks something is not made, and says what it lacks."""

import datetime
import zipfile

import pytest

from tests.support.release import NotReadyError, dated, wheel_faults

DAY = datetime.date(2030, 1, 2)
CHANGELOG = (
    "# Changelog\n\n## 1.2.0 (unreleased)\n\n- A change.\n\n## 1.1.0 (2029-01-01)\n\n- Old.\n"
)


def test_the_changelog_is_dated():
    assert "\n## 1.2.0 (2030-01-02)\n" in dated(CHANGELOG, "1.2.0", DAY)


@pytest.mark.parametrize(
    "changelog",
    [
        CHANGELOG.replace(" (unreleased)", ""),
        CHANGELOG.replace("- A change.", ""),
        CHANGELOG.replace("1.2.0", "1.3.0"),
    ],
    ids=["no heading", "no change", "another version"],
)
def test_a_version_without_changes_is_not_released(changelog):
    with pytest.raises(NotReadyError, match=r"1\.2\.0 \(unreleased\)"):
        dated(changelog, "1.2.0", DAY)


@pytest.fixture
def wheel(tmp_path):
    """A function that makes a wheel of files, beside a package that has one module."""
    (tmp_path / "flask_sio_cors").mkdir()
    for name in ("__init__.py", "py.typed"):
        (tmp_path / "flask_sio_cors" / name).touch()

    def make(*names):
        path = tmp_path / "made.whl"
        with zipfile.ZipFile(path, "w") as archive:
            for name in names:
                archive.writestr(name, "")
        return wheel_faults(path, tmp_path)

    return make


PACKAGE = ("flask_sio_cors/__init__.py", "flask_sio_cors/py.typed")
METADATA = tuple(
    f"x.dist-info/{name}" for name in ("METADATA", "entry_points.txt", "licenses/LICENSE")
)


def test_a_wheel_of_the_package_alone_has_no_faults(wheel):
    assert wheel(*PACKAGE, *METADATA) == []


def test_what_a_wheel_has_too_much_and_what_it_lacks_is_told(wheel):
    assert wheel(PACKAGE[0], "tests/test_docs.py", *METADATA[:2]) == [
        "the wheel has tests/test_docs.py, which is not of the package",
        "the wheel lacks flask_sio_cors/py.typed",
        "the wheel lacks licenses/LICENSE",
    ]
