"""The house is built in one direction: a folder imports only from those below it, in no circle."""

import functools
from textwrap import dedent

import pytest

from tests.support.house import (
    FLOORS,
    Import,
    against_the_order,
    circle_through,
    imports_in,
    sources,
    without_a_place,
)

FILES = sources()


@functools.cache
def imports():
    """Return what the package imports of itself, read where it is asked for."""
    return imports_in(FILES)


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_has_its_place_in_the_house(path):
    assert (problem := without_a_place(path)) is None, problem


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_imports_only_from_below(path):
    own = [found for found in imports() if found.importer == path]
    problems = [problem for found in own if (problem := against_the_order(found)) is not None]
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("path", sorted(FILES))
def test_a_file_is_part_of_no_circle(path):
    circle = circle_through(path, imports())
    assert not circle, f"These import each other in a circle: {' > '.join(circle)}"


def test_the_package_is_what_is_read():
    # So that the tests above do not pass for want of files or imports.
    importing = {found.importer.partition("/")[0] for found in imports()}
    assert importing >= {part for floor in FLOORS for part in floor}


# --- They can fail ---------------------------------------------------------------------------


def invented(sources: dict[str, str]) -> list[Import]:
    """Return the imports of an invented package with these files, and empty ones beside them."""
    empty = dict.fromkeys(["__init__.py", "door/__init__.py", "doctor/__init__.py"], "")
    return imports_in(empty | {path: dedent(text) for path, text in sources.items()})


@pytest.mark.parametrize(
    "source",
    [
        "from ..door import policy",
        "from ..door.policy import Policy",
        "from ..door.policy import Policy as Other, Verdict",
        "from .. import door\nfrom ..door import (\n    policy,\n)",
        "import flask_sio_cors.door.policy",
        "import re, flask_sio_cors.door.policy as policy",
        "from flask_sio_cors.door import policy",
        "from flask_sio_cors.door.policy import Policy",
        "if TYPE_CHECKING:\n    from ..door.policy import Policy",
        "def judge():\n    from ..door.policy import Policy",
        "class Judge:\n    async def judge(self):\n        import flask_sio_cors.door.policy",
        "try:\n    pass\nexcept ImportError:\n    from ..door.policy import Policy",
    ],
)
def test_an_import_is_found_however_it_is_written(source):
    found = invented({"door/policy.py": "", "doctor/looks.py": source})
    assert ("doctor/looks.py", "door/policy.py") in {one[:2] for one in found}


@pytest.mark.parametrize(
    ("source", "imported"),
    [
        ("from . import report", "doctor/report.py"),
        ("from .report import Report", "doctor/report.py"),
        ("from . import VERSION", "doctor/__init__.py"),
        ("from .. import SioCors", "__init__.py"),
        ("from flask_sio_cors import SioCors", "__init__.py"),
        ("import flask_sio_cors", "__init__.py"),
        ("from .. import door", "door/__init__.py"),
        ("from ..door import *", "door/__init__.py"),
        ("from ..door.policy import missing", "door/policy.py"),
    ],
)
def test_an_import_leads_to_the_file_that_has_the_name(source, imported):
    found = invented({"door/policy.py": "", "doctor/report.py": "", "doctor/looks.py": source})
    assert [one.imported for one in found] == [imported]


def test_a_folders_own_file_imports_as_its_others_do():
    found = invented({"door/policy.py": "", "door/__init__.py": "from .policy import Policy"})
    assert found == [Import("door/__init__.py", "door/policy.py", 1)]


@pytest.mark.parametrize(
    "source",
    [
        "import flask, socketio.door.policy",
        "from flask_sio_cors_door import policy",
        "from werkzeug.door import policy",
        '"""\nfrom ..door import policy\n"""',
        "# from ..door import policy",
    ],
)
def test_what_others_ship_and_what_is_only_text_are_no_imports(source):
    assert invented({"door/policy.py": "", "doctor/looks.py": source}) == []


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("door/policy.py", "advice/remedy.py"),
        ("browser/fetch.py", "origins/grammar.py"),
        ("doctor/__init__.py", "__init__.py"),
        ("doctor/examine.py", "cli.py"),
        ("config/options.py", "door/__init__.py"),
        ("live/stores/sqlite.py", "advice/remedy.py"),
        ("extension.py", "__init__.py"),
    ],
)
def test_an_import_upwards_is_told(importer, imported):
    assert against_the_order(Import(importer, imported, 7)).startswith(
        f"{importer}, line 7, imports {imported}, but {importer.partition('/')[0]} stands below "
    )


@pytest.mark.parametrize("way", [("cli.py", "extension.py"), ("extension.py", "cli.py")])
def test_an_import_to_the_side_is_told(way):
    assert f"{way[0]} stands beside {way[1]}." in against_the_order(Import(*way, 1))


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("__init__.py", "browser/fetch.py"),
        ("cli.py", "doctor/examine.py"),
        ("advice/remedy.py", "live/stores/sqlite.py"),
        ("door/guard.py", "door/policy.py"),
        ("door/__init__.py", "door/policy.py"),
    ],
)
def test_an_import_downwards_or_of_a_neighbour_is_fine(importer, imported):
    assert against_the_order(Import(importer, imported, 1)) is None


def test_a_circle_of_three_is_told_for_each_of_them():
    imports = invented(
        {
            "door/a.py": "from .b import B",
            "door/b.py": "from . import c",
            "door/c.py": "from .a import A\nfrom .beyond import Beyond",
            "door/beyond.py": "",
            "door/before.py": "from .a import A",
        }
    )
    a, b, c = "door/a.py", "door/b.py", "door/c.py"
    assert circle_through(a, imports) == (a, b, c, a)
    assert circle_through(b, imports) == (b, c, a, b)
    assert circle_through(c, imports) == (c, a, b, c)
    assert not circle_through("door/beyond.py", imports)
    assert not circle_through("door/before.py", imports)


@pytest.mark.parametrize(
    "back",
    [
        """
        from typing import TYPE_CHECKING

        if TYPE_CHECKING:
            from .target import Target
        """,
        """
        def fitted():
            from .target import Target
        """,
    ],
    ids=["that only a type checker sees", "that only a call makes"],
)
def test_a_circle_is_told(back):
    imports = invented({"doctor/target.py": "from .fixes import Fix", "doctor/fixes.py": back})
    circle = circle_through("doctor/fixes.py", imports)
    assert circle == ("doctor/fixes.py", "doctor/target.py", "doctor/fixes.py")


def test_a_folders_own_file_can_be_part_of_a_circle():
    files = {"door/__init__.py": "from .policy import Policy", "door/policy.py": "from . import V"}
    assert circle_through("door/policy.py", invented(files))


def test_a_file_that_imports_itself_is_a_circle():
    imports = invented({"door/a.py": "from .a import A"})
    assert circle_through("door/a.py", imports) == ("door/a.py", "door/a.py")


def test_the_shortest_circle_is_told():
    files = {
        "door/a.py": "from . import b, c",
        "door/b.py": "from . import c",
        "door/c.py": "from . import a",
    }
    assert circle_through("door/a.py", invented(files)) == ("door/a.py", "door/c.py", "door/a.py")


def test_two_ways_to_one_file_are_no_circle():
    files = {
        "door/a.py": "from . import b, c",
        "door/b.py": "from . import d",
        "door/c.py": "from . import d",
        "door/d.py": "",
    }
    assert not any(circle_through(path, invented(files)) for path in files)


@pytest.mark.parametrize("path", ["helpers.py", "doctor.py", "live.py"])
def test_a_file_beside_the_folders_is_told(path):
    assert without_a_place(path).startswith(f"{path} lies beside the folders.")


@pytest.mark.parametrize("path", ["utils/text.py", "utils/__init__.py", "tests/door/test_guard.py"])
def test_a_folder_without_a_place_is_told(path):
    assert without_a_place(path).startswith(f"The folder {path.partition('/')[0]}/ is not in")


@pytest.mark.parametrize(
    "path", ["__init__.py", "cli.py", "door/guard.py", "live/stores/sqlite.py"]
)
def test_a_file_in_a_folder_of_the_order_is_fine(path):
    assert without_a_place(path) is None
