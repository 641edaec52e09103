"""How much the service bears: many messages at once through the stand-in for Telegram, with nobody left unanswered.

    python -m tests.benchmarks.load

Chats write several lines in a row, which a worker answers as one turn; so there are fewer replies than messages. Who
was answered, in which order and how often is read from the logs, where an update's id goes from gateway to delivery.
Deliveries keep to Telegram's limit of 30 a second, which is what the last figure shows.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.processes import Process, running
from tests.telegram_api import TOKEN, TelegramApi

LIMITS = {"gateway": 100, "worker": 300, "server": 15}  # MiB of resident memory

STAGES = {"accepted": ["accepted"], "answered": ["answered", "dead_letter"], "delivered": ["delivered"]}


async def main(messages: int, chats: int, workers: int, checkpoint: str) -> bool:
    """Run the load; returns whether all went as promised."""
    with tempfile.TemporaryDirectory(prefix="malbeot-load-") as folder:
        async with contextlib.AsyncExitStack() as stack:
            telegram = await stack.enter_async_context(TelegramApi())
            settings = {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "checkpoint": checkpoint}
            settings["user_rate"] = "0"  # chats write faster here than people do
            service = await stack.enter_async_context(running("all", Path(folder), **settings))
            await service.said("gateway_ready")
            await service.said("worker_ready")
            processes = [service]
            for _ in range(workers - 1):
                processes.append(await stack.enter_async_context(running("worker", Path(folder), **settings)))
                await processes[-1].said("worker_ready")

            began = time.monotonic()
            asked = {
                telegram.say(1000 + number % chats, f"{number}번째 이야기야"): number for number in range(messages)
            }
            seconds = {}
            for stage, events in STAGES.items():
                await until_all(processes, events, messages)
                seconds[stage] = time.monotonic() - began
            memory = resident(service)
        answered, delivered = (of(processes, *STAGES[stage]) for stage in ("answered", "delivered"))
        given_up = of(processes, "dead_letter")

    faults = check(asked, chats, answered, delivered)
    faults += [f"update {update} got an apology" for turn in given_up for update in turn]
    if len(telegram.sent) != len(delivered):
        faults.append(f"{len(telegram.sent)} messages sent for {len(delivered)} turns")
    print(f"{messages} messages from {chats} chats, {workers} worker(s): {len(delivered)} turns")
    for stage, spent in seconds.items():
        print(f"{stage:>10}: {spent:6.1f} s  {messages / spent:7.1f} messages/s  {len(delivered) / spent:7.1f} turns/s")
    for name, size in memory.items():
        print(f"{name:>10}: {size:6.1f} MiB resident (at most {LIMITS[name]})")
        faults += [f"{name} takes too much memory"] * (size > LIMITS[name])
    print("all answered, in order, none twice" if not faults else "\n".join(faults[:20]))
    return not faults


def of(processes: list[Process], *events: str) -> list[list[int]]:
    """The updates that each log line of these events is about, in the order of the lines."""
    wanted = [f'"event": "{event}"' for event in events]
    lines = [line for process in processes for line in process.log if any(event in line for event in wanted)]
    return [list(map(int, line.get("origins") or [line["origin"]])) for line in map(json.loads, lines)]


async def until_all(processes: list[Process], events: list[str], messages: int) -> None:
    """Return when that many updates have got so far."""
    while sum(map(len, of(processes, *events))) < messages:  # noqa: ASYNC110 - several logs, no single condition
        await asyncio.sleep(0.5)


def check(asked: dict[int, int], chats: int, answered: list[list[int]], delivered: list[list[int]]) -> list[str]:
    """What went wrong, in words."""
    faults = []
    for name, turns in (("answered", answered), ("delivered", delivered)):
        count = Counter(update for turn in turns for update in turn)
        faults += [f"update {update} was {name} {count[update]} times" for update in asked if count[update] != 1]
    latest: dict[int, int] = {}
    for update in (update for turn in delivered for update in turn):
        chat = asked[update] % chats
        if update < latest.get(chat, 0):
            faults.append(f"update {update} was delivered after {latest[chat]}")
        latest[chat] = update
    return faults


def resident(service: Process) -> dict[str, float]:
    """MiB of each process."""
    named = {"gateway": service.child("gateway"), "worker": service.child("worker")}
    named["server"] = next(child for child in service.children() if "valkey" in child.name())
    return {name: process.memory_info().rss / 2**20 for name, process in named.items()}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--chats", type=int, default=500)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--checkpoint", default="", help="a folder; the one that ships if left out")
    sys.exit(not asyncio.run(main(**vars(parser.parse_args()))))
