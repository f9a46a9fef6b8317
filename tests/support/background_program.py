"""A program that tries `Background` as one kind of server has it, and prints what it saw as JSON.

`python -m tests.support.background_program eventlet patched`
"""

import json
import os
import sys
import tempfile
import time

KIND, PATCHED = sys.argv[1], sys.argv[2] == "patched"

if KIND == "eventlet":
    import eventlet

    if PATCHED:
        eventlet.monkey_patch()
elif KIND == "gevent":
    import gevent
    import gevent.monkey

    if PATCHED:
        gevent.monkey.patch_all()

from flask_sio_cors.live.background import Background, original  # noqa: E402

hold = original("sleep")  # what nothing can make cooperative
sleep = {"eventlet": lambda s: eventlet.sleep(s), "gevent": lambda s: gevent.sleep(s)}.get(
    KIND, hold
)


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        sleep(0.002)
    return condition()


def longest_gap(seconds):
    """The longest time that this thread, which a server's requests would be in, did not run."""
    longest, last = 0.0, time.monotonic()
    end = last + seconds
    while last < end:
        sleep(0.005)
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
    return longest


def serve():
    seen = {}
    calls = []

    def step():
        calls.append(os.getpid())
        if len(calls) == 1:
            background.call(lambda: hold(1.0), native=True)
            calls.append("native")
            if not PATCHED:
                background.call(lambda: hold(1.0))
            calls.append("ready")
        elif fails:
            fails.pop()
            raise KeyError("of the step")
        return 600.0

    fails = []
    background = Background(step, KIND, "tried")
    seen["before"] = background.is_running
    background.ensure()
    background.ensure()
    seen["longest gap"] = longest_gap(1.5)
    wait_until(lambda: "ready" in calls)
    seen["calls"] = calls.count(os.getpid())
    background.wake()
    seen["woken"] = wait_until(lambda: calls.count(os.getpid()) == 2)
    fails.append(1)
    background.wake()
    seen["again after an error"] = wait_until(lambda: calls.count(os.getpid()) == 4)
    seen["in the child"] = fork(background, calls)
    background.wake()
    seen["after the fork"] = wait_until(lambda: calls.count(os.getpid()) == 5)
    background.stop()
    background.wake()
    sleep(0.2)
    seen["stopped"] = calls.count(os.getpid()) == 5
    background.ensure()
    seen["started again"] = wait_until(lambda: calls.count(os.getpid()) == 6)
    print(json.dumps(seen))


def fork(background, calls):
    with tempfile.NamedTemporaryFile("r") as told:
        child = os.fork()
        if child == 0:
            seen = [background.is_running]
            background.wake()
            sleep(0.2)
            seen.append(os.getpid() in calls)
            background.ensure()
            seen.append(wait_until(lambda: calls.count(os.getpid()) == 1, 10))
            with open(told.name, "w") as telling:
                json.dump(seen, telling)
            os._exit(0)
        while os.waitpid(child, os.WNOHANG)[0] != child:
            sleep(0.01)
        return json.load(told)


if KIND == "eventlet":
    eventlet.spawn(serve).wait()
elif KIND == "gevent":
    gevent.spawn(serve).join()
else:
    serve()
