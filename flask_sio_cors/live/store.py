"""What keeps the origins that every worker shares: the protocol, and the records that it speaks in.

A store holds a set of texts, the version of that set, and a log of its latest changes. It judges
nothing: what may be in it is checked before it is written, and again by each worker that reads it.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple, Protocol, runtime_checkable

#: Of how many changes a store keeps a log, at least; who missed more reads the whole set.
LOG_LENGTH: Final = 1000
#: How many texts one change adds and removes, at most.
LARGEST: Final = 1000
#: Healed from whatever anybody knows: somebody has decided what holds.
DECREED: Final = 2**53
#: Healed from less than anybody knows: somebody has asked those who know.
ASKED_FOR: Final = -1
#: How many other histories a version remembers.
_REMEMBERED: Final = 20


class StoreError(RuntimeError):
    """A store could not be asked, or did not take what was written; it says why.

    It is the same afterwards as before, as far as the store has kept its promise.
    """


class Version(NamedTuple):
    """Which state of a set this is.

    For a store it is a value to keep and to compare: ``str(version)`` is its text, in ASCII,
    without blanks and of at most 900 characters, and :meth:`parse` reads that again.

    :param number: 1 for the first, and greater than that of the version before it.
    :param id: random, so that two versions of one number are told apart.
    :param history: the `id` of the version with which its history began: the first, one that a
        worker has written back, or a decision.
    :param began: the number of that.
    :param healed_from: the number of the version that its history was healed from; 0 where it
        began with an empty set.
    :param includes: other histories, each as ``history~number``: all that was written in them up to
        that number is in it, or has been decided upon.
    """

    number: int
    id: str
    history: str
    began: int
    healed_from: int = 0
    includes: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = (self.number, self.id, self.history, self.began, self.healed_from)
        return ".".join((*map(str, parts), "-".join(self.includes)))

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read what ``str(version)`` wrote.

        :raise StoreError: where it did not.
        """
        try:
            number, own, history, began, healed_from, others = text.split(".")
            includes = tuple(filter(None, others.split("-")))
            return cls(int(number), own, history, int(began), int(healed_from), includes)
        except ValueError:
            raise StoreError(f"the store holds {text[:80]!r} where a version was written") from None

    @classmethod
    def first(cls) -> Version:
        """Return the version of a set that is written into an empty store."""
        return cls.beginning(None, None, 0)

    def next(self) -> Version:
        """Return the version that follows this one."""
        return self._replace(number=self.number + 1, id=secrets.token_hex(8))

    @classmethod
    def beginning(cls, over: Version | None, known: Version | None, healed_from: int) -> Version:
        """Return the version with which another history begins.

        :param over: what the store has; ``None`` where it has nothing.
        :param known: what is known to who writes it.
        :param healed_from: the number of that, `DECREED` or `ASKED_FOR`.
        """
        own = secrets.token_hex(8)
        there = [one for one in (over, known) if one is not None]
        number = 1 + max((one.number for one in there), default=0)
        if healed_from == ASKED_FOR:
            there = there[:1]
        reached: dict[str, int] = {}
        for one in there:
            for history, upto in one.reached().items():
                last = max(upto, reached.pop(history, 0))
                reached[history] = DECREED if healed_from == DECREED else last
        includes = tuple(f"{history}~{upto}" for history, upto in reached.items())
        return cls(number, own, own, number, healed_from, includes[-_REMEMBERED:])

    def reached(self) -> dict[str, int]:
        """Return up to which number it has all that was written, by history; its own comes last."""
        others = (one.split("~") for one in self.includes)
        return {history: int(upto) for history, upto in others} | {self.history: self.number}

    def has(self, other: Version) -> bool:
        """Tell whether it has all that was written up to another version."""
        return self.reached().get(other.history, 0) >= other.number

    def supersedes(self, known: Version) -> bool:
        """Tell whether who knows a version of another history may leave it for this one."""
        return self.healed_from == DECREED or self.has(known)

    def is_before(self, known: Version) -> bool:
        """Tell whether it is of a time that who knows a version has already left behind."""
        if self.history == known.history:
            return self.number <= known.number and self.id != known.id
        return self.history in known.reached()


class Change(NamedTuple):
    """One write; of more than `LARGEST` texts only where it is whole.

    :param version: of the set after it.
    :param previous: the `Version.id` of the set before it; ``""`` where there was none.
    :param added: origins and patterns, as texts; some may have been there before.
    :param removed: likewise; some may not have been there. None is in `added` too.
    :param is_whole: whether `added` takes the place of all that was there, and `removed` is empty.
        A log keeps such a change without what was added.
    """

    version: Version
    previous: str
    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    is_whole: bool = False

    @property
    def is_healing(self) -> bool:
        """Whether a worker wrote back what it knew."""
        version = self.version
        return version.number == version.began and 0 < version.healed_from < DECREED

    @property
    def asks(self) -> bool:
        """Whether somebody asked the workers for what they know, and no more for what was there."""
        version = self.version
        return version.number == version.began and version.healed_from == ASKED_FOR


class Report(NamedTuple):
    """What a worker says of itself.

    :param worker: tells it from others.
    :param host: the name of its machine.
    :param pid: its process.
    :param version: ``str`` of the version in force there; ``""`` for none.
    :param condition: a value of `Condition`.
    :param since: for how many seconds it has been in that condition.
    :param reason: why, in a sentence; ``""`` where all is well.
    :param entries: how many of the store's are in force there.
    :param skipped: how many are not, since its settings do not permit them.
    :param age: seconds since it has reported, as the store counts them.
    """

    worker: str
    host: str
    pid: int
    version: str
    condition: str
    since: float
    reason: str
    entries: int
    skipped: int
    age: float = 0.0


class Store(Protocol):
    """Keeps one set of origins for many processes.

    Each process has an object of its own, made before any fork; it opens what it needs when it is
    first called, and again in a child. Any method may be called from any thread at any time, also
    while another one is under way.

    Each method may raise anything where the store cannot be reached or has failed. It should do so
    within two seconds or so, and not try again by itself: whoever calls does, with care for a store
    that is overloaded. Nothing that is raised reaches a request.

    Here is one that lives in memory, for a single process:

    .. code-block:: python

        class InMemory:
            def __init__(self):
                self._lock = threading.Lock()
                self._head, self._origins, self._log = None, set(), []

            def version(self):
                return self._head

            def load(self):
                with self._lock:
                    origins = list(self._origins)
                for start in range(0, len(origins), 1000):
                    yield origins[start : start + 1000]

            def changes_since(self, number):
                with self._lock:
                    return [change for change in self._log if change.version.number > number]

            def write(self, change, expected):
                with self._lock:
                    if self._head != expected:
                        return False
                    if change.is_whole:
                        self._origins = set(change.added)
                        change = change._replace(added=())
                    else:
                        self._origins -= set(change.removed)
                        self._origins |= set(change.added)
                    self._head = change.version
                    self._log = [*self._log, change][-1000:]
                    return True

            def wait(self, version, seconds):
                return False

    ``app.config["SIO_CORS_ORIGINS_STORE"] = InMemory()`` puts it to use. On a server of green
    threads (eventlet, gevent), the methods are called in native threads where nothing is
    monkey-patched. Where it is, they are called as they are, and have to let others run; those of a
    store with an attribute ``native = True``, such as one that uses a driver written in C, are
    called in native threads there, too. A native thread must wait for no lock that is
    monkey-patched, as `threading`'s are then: open a connection for each call, or take
    ``eventlet.patcher.original("threading").Lock()``, or gevent's
    ``gevent.monkey.get_original("threading", "Lock")()``.

    What ``str`` says of it names it in the log and in errors. One that has the methods of
    `Reporting` as well shows its workers to ``flask sio-cors origins status``.
    """

    def version(self) -> Version | None:
        """Return the version of the set that the store has now.

        Called each second by each worker, and so cheap. ``None`` where nothing was written yet, or
        where all was lost; never for a set that was written and is empty now.
        """
        ...

    def load(self) -> Iterator[Sequence[str]]:
        """Yield the whole set, in pages of some hundred or thousand texts.

        Between two pages the caller may pause, and others may write: what was written meanwhile may
        be in the pages or not, and no text that was there all the time may be missing. The caller
        asks for the `version` before and after, and for what was changed in between.

        Each page may be asked for by another thread, and the rest of them never: so no cursor or
        transaction should stay open between two.
        """
        ...

    def changes_since(self, number: int) -> Sequence[Change]:
        """Return the changes in the log whose version has a greater number, oldest first.

        The log may have forgotten the oldest; `LOG_LENGTH` of the latest should be there. That some
        are missing, the caller sees by their `previous`. Those that are whole come without what
        they added.
        """
        ...

    def write(self, change: Change, expected: Version | None) -> bool:
        """Make a change, if the store still has the version that is expected, as one transaction.

        All of it or nothing: the comparison, the texts, the version, the log. Where the version is
        another one, nothing changes and the answer is ``False``; the caller looks at it and tries
        again. A change may name texts to add that are there, and to remove that are not.

        Numbers may leave some out. What the log has of the change's number or a greater one is of
        what was lost: it goes.

        :param expected: as :meth:`version` returned it; ``None``: only where there is nothing.
        :return: whether it was made. Where that cannot be known, since the store went away
            meanwhile, it raises.
        """
        ...

    def wait(self, version: Version | None, seconds: float) -> bool:
        """Wait until the store may have another version than this, or so many seconds.

        It is a hint that spares a second, and may be wrong. A store that hears of nothing returns
        ``False`` at once, and the caller waits by itself.

        :param version: as :meth:`version` has returned it.
        :return: whether the store may have another one.
        """
        ...


def head_of(store: Store) -> Version | None:
    """Return the version that a store has.

    :raise StoreError: where it returns something else; or whatever it raises.
    """
    head: object = store.version()
    if head is None or isinstance(head, Version):
        return head
    raise StoreError(
        f"its version() returns {str(head)[:80]!r}, a {type(head).__name__}, where a Version is "
        "needed, or None: Version.parse(text) reads what str(version) has written"
    )


@runtime_checkable
class Reporting(Protocol):
    """A store that workers can leave word in."""

    def report(self, report: Report, seconds: float) -> None:
        """Keep what a worker says, in place of what it said before, for so many seconds.

        It is no change of the set, and lives and dies without it.
        """
        ...

    def reports(self) -> Iterable[Report]:
        """Return what workers said, with the `age` of each."""
        ...
