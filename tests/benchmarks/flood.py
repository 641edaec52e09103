"""What quiet users feel of a flooding one: how long replies take, alone, beside a flood, and with the limits on.

    python -m tests.benchmarks.flood

The whole service runs, before the stand-in for Telegram. One user floods: a message to one group after the other, so
that no mailbox is ever full, and every group's reply takes its place in the queue for Telegram's thirty a second.
Meanwhile a new quiet user writes a line every other second. Only the ratios mean something on another machine.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from statistics import median

from tests.processes import running
from tests.telegram_api import TOKEN, TelegramApi

QUIET_FROM, FLOODER, GROUPS_FROM = 90070000, 90076666, -1005550000
EVERY = 2.0  # seconds from one quiet user to the next
WAIT = 180.0  # seconds for one reply
GAIN = 2.0  # times sooner at least, with the limits on


async def main(seconds: int, groups: int, rate: int, checkpoint: str) -> bool:
    """Run the three cases; returns whether the limits did their duty."""
    print(f"quiet users beside one who writes {rate} messages a second for {seconds} s, to {groups} groups in turn")
    usual = await case("alone", seconds, 0, 0, checkpoint)
    without = await case("flood, no limits", seconds, groups, rate, checkpoint, usual, user_rate="0", chat_rate="0")
    limited = await case("flood, limits", seconds, groups, rate, checkpoint, usual)
    print(f"replies come {without / limited:.1f} times sooner with the limits on")
    return without / limited >= GAIN


async def case(
    name: str, seconds: int, groups: int, rate: int, checkpoint: str, usual: float = 0.0, **limits: str
) -> float:
    """Run the service for so long; returns, and prints beside the usual, the median of the quiet users' seconds."""
    async with TelegramApi() as telegram:
        with tempfile.TemporaryDirectory(prefix="malbeot-flood-") as folder:
            settings = {"telegram_token": TOKEN, "telegram_api_url": telegram.url, "checkpoint": checkpoint}
            async with running("all", Path(folder), **settings, **limits) as service:
                await service.said("gateway_ready")
                await service.said("worker_ready")
                async with asyncio.TaskGroup() as users:
                    users.create_task(flood(telegram, seconds, groups, rate))
                    asking = []
                    for number in range(round(seconds / EVERY)):
                        asking.append(users.create_task(ask(telegram, QUIET_FROM + number)))
                        await asyncio.sleep(EVERY)
    waited = [task.result() for task in asking]
    usual = usual or median(waited)
    print(
        f"{name:>16}: median {median(waited):6.2f} s, {median(waited) / usual:5.1f} times alone;"
        f" longest {max(waited):6.2f} s, {max(waited) / usual:5.1f} times;"
        f" {sum(message.chat < 0 for message in telegram.sent)} replies to the flood",
        flush=True,
    )
    return median(waited)


async def flood(telegram: TelegramApi, seconds: int, groups: int, rate: int) -> None:
    """Write to the groups in turn, `rate` messages a second."""
    sender = {"id": FLOODER, "is_bot": False, "first_name": "범수"}
    for second in range(seconds):
        for number in range(second * rate, (second + 1) * rate):
            telegram.say(GROUPS_FROM - number % groups, f"@malbeot_bot {number}번째 도배", **{"from": sender})
        await asyncio.sleep(1)


async def ask(telegram: TelegramApi, user: int) -> float:
    """Say something; seconds until the reply."""
    began = asyncio.get_running_loop().time()
    telegram.say(user, "오늘은 조용히 책을 읽었어")
    await telegram.until(lambda: telegram.texts(user), timeout=WAIT)
    return asyncio.get_running_loop().time() - began


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--groups", type=int, default=300)
    parser.add_argument("--rate", type=int, default=50, help="the flooder's messages a second")
    parser.add_argument("--checkpoint", default="", help="a folder; the one that ships if left out")
    sys.exit(not asyncio.run(main(**vars(parser.parse_args()))))
