"""Faults in any order, and three machines' worth of workers: no wrong verdict, and all agree."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest

from flask_sio_cors.live.follower import Condition, Follower, Pace
from flask_sio_cors.live.shared import SharedOrigins
from flask_sio_cors.live.store import StoreError
from tests.live.test_follower import Origins, check
from tests.support.harness import wait_until
from tests.support.redis import RedisServer
from tests.support.relay import Relay

redis_store = pytest.importorskip("flask_sio_cors.live.redis")

MACHINES, WORKERS, STEPS = 3, 3, 25
PACE = Pace(every=0.1, healing=0.5, report=0.2, silent=5, kept=20, retry=0.2)
ALWAYS, NEVER = "https://always.example", "https://never.example"
TEXTS = [f"https://o{n}.example" for n in range(12)]


class Machine:
    """Some workers, and their way to the store."""

    def __init__(self, server):
        self.server = server
        self.relay = Relay(server.port)
        self.is_apart = False
        self.workers = [self.start() for _ in range(WORKERS)]

    def start(self):
        store = redis_store.RedisStore(f"redis://127.0.0.1:{self.relay.port}/0", "app", 0.5)
        follower = Follower(store, Origins(), "threading")
        follower.pace = PACE
        shared = SharedOrigins(follower, check, "threading")
        shared.patience = 1.0
        follower.background.ensure()
        return shared

    def stop(self, worker):
        self.workers.remove(worker)
        worker.follower.background.stop()
        worker.follower.store.close()

    def part(self, is_apart):
        self.is_apart = is_apart
        # Nobody listens there.
        self.relay.lead_to(1 if is_apart else self.server.port)


class World:
    """All of them, what they should have, and somebody who looks all the time."""

    def __init__(self, server, seed):
        self.server = server
        self.chance = random.Random(seed)
        self.machines = [Machine(server) for _ in range(MACHINES)]
        #: What was told to be written; and what may have been, or may be lost again.
        self.expected, self.unsure = {ALWAYS}, set()
        self.story, self.wrong = [], []
        self.ended = threading.Event()
        self.visitor = threading.Thread(target=self.visit, daemon=True)

    @property
    def workers(self):
        return [worker for machine in self.machines for worker in machine.workers]

    def visit(self):
        while not self.ended.wait(0.002):
            for worker in self.workers:
                target = worker.follower.target
                if worker.state.ready and (ALWAYS not in target or NEVER in target):
                    self.wrong.append((list(self.story), worker.state))

    # --- What happens ----------------------------------------------------------------------------

    def add(self):
        self.write("add", self.chance.choice(TEXTS), self.chance.choice(self.workers))

    def remove(self):
        self.write("remove", self.chance.choice(TEXTS), self.chance.choice(self.workers))

    def write(self, verb, text, by):
        try:
            getattr(by, verb)(text)
        except StoreError:
            self.unsure.add(text)
        else:
            (self.expected.add if verb == "add" else self.expected.discard)(text)

    def command(self):
        """A process writes that serves nobody, and that may be the only one to know of it."""
        store = redis_store.RedisStore(self.server.url, "app", 0.5)
        shared = SharedOrigins(Follower(store, Origins(), "threading"), check, "threading")
        shared.patience = 0.5
        text = self.chance.choice(TEXTS)
        self.unsure.add(text)
        with suppress(StoreError):
            self.chance.choice([shared.add, shared.remove])(text)
        store.close()

    def flush(self):
        self.server.ask("flushall")

    def crash(self):
        """Come back with what was saved last: nothing, or what is older by now."""
        self.server.stop()
        time.sleep(self.chance.choice([0, 0.5]))
        self.server.start()

    def save(self):
        self.server.ask("save")

    def pause(self):
        self.server.ask("client", "pause", "600")

    def part(self):
        machine = self.chance.choice(self.machines)
        machine.part(not machine.is_apart)

    def replace_worker(self):
        """Take one away and start another, where all know the same, and the store does, too."""
        machine = self.chance.choice(self.machines)
        known = {str(worker.follower.version) for worker in self.workers}
        if known == {self.server.ask("hget", "{sio-cors-1:app}:head", "version")}:
            machine.stop(self.chance.choice(machine.workers))
            machine.workers.append(worker := machine.start())
            wait_until(lambda: worker.state.condition is not Condition.STARTING)

    def step(self):
        often = [self.add, self.remove, self.add, self.remove, self.command]
        seldom = [self.flush, self.crash, self.save, self.pause, self.part, self.replace_worker]
        what = self.chance.choice(often * 2 + seldom)
        self.story.append(what.__name__)
        what()
        time.sleep(self.chance.choice([0, 0, 0.05, 0.3, 0.9]))

    # --- How it ends -----------------------------------------------------------------------------

    def settle(self):
        """End all faults, and decide where somebody has to; tell whether nobody had to."""
        for machine in self.machines:
            if machine.is_apart:
                machine.part(False)
        is_decided = False

        def is_settled():
            nonlocal is_decided
            conditions = {worker.state.condition for worker in self.workers}
            if Condition.OLDER in conditions:
                self.story.append("restore")
                is_decided = True
                newest = max(self.workers, key=lambda one: one.version)
                with suppress(StoreError):
                    newest.restore()
                time.sleep(0.5)
            versions = {str(worker.follower.version) for worker in self.workers}
            return conditions == {Condition.CURRENT} and len(versions) == 1

        wait_until(is_settled, 30)
        return not is_decided

    def stop(self):
        self.ended.set()
        for machine in self.machines:
            for worker in list(machine.workers):
                machine.stop(worker)
            machine.relay.__exit__()


@pytest.mark.parametrize("seed", [1])
def test_whatever_happens_in_whichever_order_nobody_is_judged_wrong_and_all_agree(tmp_path, seed):
    with RedisServer(tmp_path) as server:
        world = World(server, seed)
        try:
            world.write("add", ALWAYS, world.workers[0])
            wait_until(lambda: all(ALWAYS in one.follower.target for one in world.workers))
            world.visitor.start()
            for _ in range(STEPS):
                world.step()
            undecided = world.settle()
            sets = [set(worker.follower.target) for worker in world.workers]
            assert all(one == sets[0] for one in sets)
            assert world.wrong == []
            if undecided:
                assert sets[0] - world.unsure == world.expected - world.unsure, world.story
        finally:
            world.stop()


def test_a_month_of_changes_by_three_writers_ends_in_one_set_and_in_a_log_of_bounded_length(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(redis_store, "LOG_LENGTH", 100)
    with RedisServer(tmp_path) as server:
        world = World(server, 1)
        try:
            writers = [machine.workers[0] for machine in world.machines]
            texts = [[f"https://w{n}-{k}.example" for k in range(20)] for n in range(3)]
            left = [set() for _ in writers]

            def work(writer, mine, there):
                chance = random.Random(mine[0])
                for _ in range(250):
                    text = chance.choice(mine)
                    (writer.remove if text in there else writer.add)(text)
                    there ^= {text}

            with ThreadPoolExecutor(3) as pool:
                list(pool.map(work, writers, texts, left))
            expected = set().union(*left)
            wait_until(lambda: all(set(one.follower.target) == expected for one in world.workers))
            # The set is there before the version that it is of.
            wait_until(lambda: {one.version for one in writers} == {750})
            assert len(writers[0].follower.store.changes_since(0)) < 250
        finally:
            world.stop()
