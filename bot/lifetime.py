"""When a process ends: on a signal, or with the process that started it."""

import asyncio
import os
import signal
from threading import Thread
from time import sleep

_ORPHAN_GRACE = 15.0  # seconds; Redis may have gone with the parent, so an orphan has little left to finish


def stop_event(*, attached: bool = False) -> asyncio.Event:
    """An event that SIGTERM and Ctrl-C set; the same again ends the process on the spot.

    With `attached` the event is also set when standard input closes, which it does when the parent process is gone,
    whatever ended it: no signal can be relied on for that on every system, but a pipe can.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    if attached:
        # A daemon: a process that leaves in time does not wait for this thread.
        Thread(target=_leave_with_parent, args=(loop, stop), name="parent", daemon=True).start()
    return stop


def _leave_with_parent(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    while os.read(0, 1):
        pass
    if not loop.is_closed():
        loop.call_soon_threadsafe(stop.set)
    sleep(_ORPHAN_GRACE)
    os._exit(1)
