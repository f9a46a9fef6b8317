"""The package's files and their imports, read without importing anything."""

import ast
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

PACKAGE = "flask_sio_cors"

#: The folders, and the files beside them, from top to bottom: each imports only from those below
#: it, and two of one line do not import each other.
FLOORS = (
    ("__init__.py",),
    ("cli.py", "extension.py"),
    ("doctor",),
    ("advice",),
    ("live",),
    ("door",),
    ("config",),
    ("origins",),
    ("browser",),
)
_HEIGHTS = {part: -depth for depth, floor in enumerate(FLOORS) for part in floor}


class Import(NamedTuple):
    """One file's import of another; both as paths from the package on, like `door/guard.py`."""

    importer: str
    imported: str
    line: int


def sources() -> dict[str, str]:
    """Return what each file of the package holds."""
    root = Path(__file__).parents[2] / PACKAGE
    return {
        path.relative_to(root).as_posix(): path.read_text("utf-8") for path in root.rglob("*.py")
    }


def imports_in(files: Mapping[str, str]) -> list[Import]:
    """Return each file's imports of the others, those for a type checker and in functions too."""
    return [
        Import(path, _file_of(name, files), node.lineno)
        for path, source in files.items()
        for node in ast.walk(ast.parse(source))
        for name in _names(node, path)
    ]


def _names(node: ast.AST, path: str) -> Iterator[tuple[str, ...]]:
    """Yield what a statement imports of the package: dotted names, taken apart, without its own."""
    if isinstance(node, ast.Import):
        dotted = [tuple(alias.name.split(".")) for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        folders = (PACKAGE, *Path(path).parts)[: -node.level] if node.level else ()
        module = tuple(node.module.split(".")) if node.module else ()
        dotted = [(*folders, *module, alias.name) for alias in node.names]
    else:
        return
    yield from (name[1:] for name in dotted if name[0] == PACKAGE)


def _file_of(name: tuple[str, ...], files: Collection[str]) -> str:
    """Return the file that has a dotted name: a module, or the one that the name stands in."""
    for length in range(len(name), 0, -1):
        path = "/".join(name[:length])
        for candidate in (f"{path}.py", f"{path}/__init__.py"):
            if candidate in files:
                return candidate
    return "__init__.py"


# --- What is wrong with them -----------------------------------------------------------------


def without_a_place(path: str) -> str | None:
    """Say that a file lies where the order of the house knows nothing."""
    part = _part(path)
    if part in _HEIGHTS:
        return None
    if part == path:
        return f"{path} lies beside the folders. Move it into the one whose question it answers."
    return f"The folder {part}/ is not in FLOORS. Give it a place there: what may import it?"


def against_the_order(found: Import) -> str | None:
    """Say that an import does not lead downwards."""
    above, below = _part(found.importer), _part(found.imported)
    if above == below or not {above, below} <= _HEIGHTS.keys():
        return None
    if _HEIGHTS[above] > _HEIGHTS[below]:
        return None
    where = "beside" if _HEIGHTS[above] == _HEIGHTS[below] else "below"
    return (
        f"{found.importer}, line {found.line}, imports {found.imported}, but {above} stands "
        f"{where} {below}. Move what it needs down, or itself up."
    )


def circle_through(path: str, imports: Iterable[Import]) -> tuple[str, ...]:
    """Return the shortest way from a file along imports back to it; nothing where there is none."""
    onwards: dict[str, list[str]] = {}
    for found in imports:
        onwards.setdefault(found.importer, []).append(found.imported)
    ways, seen = deque([(path,)]), set()
    while ways:
        way = ways.popleft()
        for reached in onwards.get(way[-1], ()):
            if reached == path:
                return (*way, path)
            if reached not in seen:
                seen.add(reached)
                ways.append((*way, reached))
    return ()


def _part(path: str) -> str:
    """Return the folder of a file, or the file itself where it lies beside the folders."""
    return path.partition("/")[0]
