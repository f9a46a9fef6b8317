"""The store in a file."""

import json
import os
import re
import sqlite3
import threading
import time
from textwrap import dedent

import pytest

from flask_sio_cors.live.sqlite import SqliteStore
from flask_sio_cors.live.store import Change, Store, StoreError, Version
from tests.support.stores import *  # noqa: F403
from tests.support.stores import A, B, content, fork, write


@pytest.fixture
def opened(tmp_path):
    stores = []

    def open_one(key="app", **options):
        store = SqliteStore(tmp_path / "folder" / "origins.sqlite3", key, **options)
        stores.append(store)
        return store

    yield open_one
    for store in stores:
        store.close()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "origins.sqlite3"


def test_nothing_is_made_before_the_first_write(opened, path):
    assert opened().version() is None
    assert not path.parent.exists()


def test_sets_in_one_file_know_nothing_of_each_other(opened):
    staging, production = opened("staging"), opened("production")
    write(staging, [A])
    assert production.version() is None
    write(production, [B])
    assert (content(staging), content(production)) == ([A], [B])
    write(staging, [], is_whole=True)
    assert content(production) == [B]


@pytest.mark.parametrize("how", ["deleted", "replaced"])
def test_a_file_that_was_deleted_or_replaced_is_opened_anew(opened, path, how, tmp_path):
    store = opened()
    write(store, [A])
    if how == "replaced":
        other = SqliteStore(tmp_path / "other.sqlite3", "app")
        version = write(other, [B])
        other.close()
        os.replace(tmp_path / "other.sqlite3", path)
    else:
        path.unlink()
        version = None
    for name in ("-wal", "-shm"):
        path.with_name(path.name + name).unlink(missing_ok=True)
    assert store.version() == version
    assert content(store) == ([] if version is None else [B])
    write(store, [A])
    assert A in content(store)


def test_who_reads_waits_for_nobody_who_writes(opened, path):
    store = opened(patience=1.0)
    version = write(store, [A])
    blocker = sqlite3.connect(path, isolation_level=None)
    blocker.execute("begin immediate")
    try:
        begun = time.monotonic()
        assert (store.version(), content(store)) == (version, [A])
        assert time.monotonic() - begun < 0.8
        with pytest.raises(StoreError, match="locked"):
            write(store, [B])
    finally:
        blocker.close()
    write(store, [B])
    assert content(store) == sorted([A, B])


def test_who_writes_waits_for_another_one_to_end(opened, path):
    store = opened(patience=30)
    write(store, [A])
    blocker = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    blocker.execute("begin immediate")
    threading.Timer(0.3, blocker.close).start()
    write(store, [B])
    assert content(store) == sorted([A, B])


def test_a_write_that_fails_half_way_changes_nothing(opened):
    store = opened()
    version = write(store, [A])

    def texts():
        yield B
        raise KeyError

    with pytest.raises(KeyError):
        store.write(Change(version.next(), version.id, texts()), version)
    assert (store.version(), content(store)) == (version, [A])


def test_a_file_that_is_no_database_is_an_error_that_names_it(opened, path):
    path.parent.mkdir()
    path.write_text("no database, whatever its name says" * 100)
    for call in (opened().version, lambda: write(opened(), [A])):
        with pytest.raises(StoreError, match=re.escape(str(path))):
            call()


def test_a_child_opens_the_file_itself(opened):
    store = opened()
    write(store, [A])
    parents, writers = store._reader, list(store._writers)
    child = fork()
    if child == 0:
        seen = store.version().number == 1 and store._reader is not parents
        write(store, [B])
        os._exit(0 if seen and content(store) == [B, A] and store._writers != writers else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert store._reader is parents
    assert store._writers == writers
    write(store, [], [A])
    assert content(store) == [B]


def test_the_log_is_bounded(opened, monkeypatch):
    monkeypatch.setattr("flask_sio_cors.live.sqlite.LOG_LENGTH", 3)
    store = opened()
    for _ in range(5):
        write(store, [A])
    assert [change.version.number for change in store.changes_since(0)] == [3, 4, 5]


def test_who_writes_again_and_again_waits_once_a_write_for_the_disk(opened, path):
    """What was opened for one write serves the next one, as long as it is the same file."""
    store = opened()
    write(store, [A])
    (writer,) = store._writers
    for text in (B, A):
        write(store, [text])
        assert store._writers == [writer]
    for end in ("", "-wal", "-shm"):
        path.with_name(path.name + end).unlink(missing_ok=True)
    write(store, [A])
    assert store._writers != [writer]
    assert content(opened()) == [A]
    store.close()
    assert store._writers == []


# --- The example in the protocol's docstring -------------------------------------------------


@pytest.fixture
def in_memory():
    example = re.search(r"code-block:: python\n\n(.*?)\n\n    ``app", Store.__doc__, re.DOTALL)
    names = {"threading": threading}
    exec(dedent(example[1]), names)
    return names["InMemory"]()


def test_the_store_of_the_docstring_keeps_the_contract(in_memory):
    import tests.support.stores as contract

    for name in contract.__all__:
        if name.startswith("test_") and "report" not in name and "refused" not in name:
            store = type(in_memory)()
            getattr(contract, name)(lambda store=store: store)


# --- Versions ----------------------------------------------------------------------------------


def test_a_version_is_read_as_it_was_written():
    first = Version.first()
    healed = Version.beginning(first.next(), first, 7)
    for version in (first, first.next(), healed, Version.beginning(healed, None, -1)):
        assert Version.parse(str(version)) == version
        assert str(version).isascii()
    with pytest.raises(StoreError, match="where a version was written"):
        Version.parse("nonsense")


def test_a_report_is_json():
    assert json.loads(json.dumps(Version.first()))[0] == 1
