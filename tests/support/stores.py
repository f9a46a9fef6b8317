"""What every store has to do: the contract of `flask_sio_cors.live.store.Store`, as tests.

A module that takes these in by ``from tests.support.stores import *`` gives a fixture `opened`, a
function that opens one more object of one and the same store, as another process would.
"""

import os
import threading
import warnings
from contextlib import closing

import pytest

from flask_sio_cors.live.store import Change, Report, Version

__all__ = [
    "test_a_change_is_there_for_everybody_and_in_the_log",
    "test_a_report_takes_the_place_of_the_one_before_and_does_not_last",
    "test_a_whole_change_takes_the_place_of_all_that_was_there",
    "test_changes_that_name_what_is_there_already_or_is_not_are_made",
    "test_nothing_is_there_where_nothing_was_written",
    "test_of_two_writers_who_expect_the_same_one_writes",
    "test_of_writers_at_once_each_writes_and_nothing_is_lost",
    "test_pages_hold_all_that_was_there_while_others_write",
    "test_what_another_object_has_written_is_seen_at_once",
    "test_what_is_written_over_a_version_that_is_no_longer_there_is_refused",
    "write",
]

A, B, C = "https://a.example", "https://*.b.example", "http://10.0.0.0/8:*"


def write(store, added=(), removed=(), is_whole=False):
    """Make a change to what is there now; return its version."""
    while True:
        head = store.version()
        version = Version.first() if head is None else head.next()
        previous = "" if head is None else head.id
        if store.write(Change(version, previous, added, removed, is_whole), head):
            return version


def fork():
    """Fork; eventlet, where a test has imported it, warns of that."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return os.fork()


def content(store):
    return sorted(text for page in store.load() for text in page)


def test_nothing_is_there_where_nothing_was_written(opened):
    store = opened()
    assert store.version() is None
    assert content(store) == []
    assert list(store.changes_since(0)) == []
    assert store.wait(None, 0.01) is False


def test_a_change_is_there_for_everybody_and_in_the_log(opened):
    one, other = opened(), opened()
    first = write(one, [A, B])
    second = write(other, [C], [A])
    for store in (one, other, opened()):
        assert store.version() == second
        assert content(store) == sorted([B, C])
        assert [tuple(map(_plain, change)) for change in store.changes_since(0)] == [
            (first, "", [A, B], [], False),
            (second, first.id, [C], [A], False),
        ]
        assert [change.version for change in store.changes_since(1)] == [second]
        assert list(store.changes_since(2)) == []


def _plain(value):
    return list(value) if type(value) is tuple else value


def test_what_another_object_has_written_is_seen_at_once(opened):
    one, other = opened(), opened()
    for _ in range(3):
        assert write(one, [A]) == other.version()
        assert write(other, [], [A]) == one.version()
    assert content(one) == []
    assert one.version() is not None


def test_a_whole_change_takes_the_place_of_all_that_was_there(opened):
    store = opened()
    write(store, [A, B])
    version = write(store, [B, C], is_whole=True)
    assert content(store) == sorted([B, C])
    (change,) = store.changes_since(1)
    assert (change.version, list(change.added), change.is_whole) == (version, [], True)
    write(store, [], is_whole=True)
    assert content(store) == []
    assert store.version() is not None
    write(store, [A])
    assert content(store) == [A]


def test_changes_that_name_what_is_there_already_or_is_not_are_made(opened):
    store = opened()
    write(store, [A])
    write(store, [A], [C])
    assert content(store) == [A]
    assert [(list(c.added), list(c.removed)) for c in store.changes_since(1)] == [([A], [C])]


@pytest.mark.parametrize("is_whole", [False, True], ids=["some", "all"])
def test_what_is_written_over_a_version_that_is_no_longer_there_is_refused(opened, is_whole):
    store = opened()
    first = write(store, [A])
    second = write(store, [B])
    for expected in (None, first, second._replace(id="another")):
        change = Change(second.next(), first.id, [C], [], is_whole)
        assert store.write(change, expected) is False
    assert store.version() == second
    assert content(store) == sorted([A, B])
    assert len(store.changes_since(0)) == 2


def test_of_two_writers_who_expect_the_same_one_writes(opened):
    one, other = opened(), opened()
    firsts = [Change(Version.first(), "", [A]) for _ in range(2)]
    assert [one.write(firsts[0], None), other.write(firsts[1], None)] == [True, False]
    head = one.version()
    changes = [Change(head.next(), head.id, [text]) for text in (B, C)]
    assert [one.write(changes[0], head), other.write(changes[1], head)] == [True, False]
    assert content(other) == sorted([A, B])


def test_of_writers_at_once_each_writes_and_nothing_is_lost(opened):
    each = 10
    written = [[f"https://{name}{n}.example" for n in range(each)] for name in "abcd"]
    stores = [opened() for _ in written]

    def work(store, texts):
        for text in texts:
            write(store, [text])

    threads = [
        threading.Thread(target=work, args=pair) for pair in zip(stores, written, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    store = opened()
    assert content(store) == sorted(text for texts in written for text in texts)
    changes = store.changes_since(0)
    assert [change.version.number for change in changes] == list(range(1, 4 * each + 1))
    assert [change.previous for change in changes[1:]] == [c.version.id for c in changes[:-1]]


def test_pages_hold_all_that_was_there_while_others_write(opened):
    one, other = opened(), opened()
    lasting = [f"https://o{n}.example" for n in range(3500)]
    write(one, [*lasting, A, B], is_whole=True)
    before = one.version()
    seen = []
    with closing(one.load()) as pages:
        seen += next(pages)
        write(other, [C], [A])
        for page in pages:
            assert len(page) < 3000
            seen += page
    assert set(lasting) <= set(seen)
    assert [list(c.removed) for c in other.changes_since(before.number)] == [[A]]


def test_a_report_takes_the_place_of_the_one_before_and_does_not_last(opened):
    one, other = opened(), opened()
    report = Report("h-1", "h", 1, "", "current", 0.5, "", 3, 0)
    one.report(report, 60)
    other.report(report._replace(worker="h-2", pid=2), 60)
    one.report(report._replace(condition="away"), 60)
    found = list(opened().reports())
    assert [(r.worker, r.condition, r.age < 30) for r in found] == [
        ("h-1", "away", True),
        ("h-2", "current", True),
    ]
    assert one.version() is None
    one.report(report, 0.0)
    assert [r.worker for r in other.reports() if r.worker == "h-1"] == []
