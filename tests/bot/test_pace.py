"""Telegram's limits, with shorter times."""

import asyncio
from itertools import pairwise

from bot.pace import Pace

RESOLUTION = 0.002  # seconds by which timers may be early


async def taken(pace: Pace, chat: int) -> float:
    await pace.turn(chat)
    return asyncio.get_running_loop().time()


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


async def test_a_chat_waits_between_its_messages_and_a_group_longer() -> None:
    pace = Pace(per_chat=0.02, per_group=0.05, overall=0)
    assert min(gaps([await taken(pace, 7) for _ in range(3)])) >= 0.02 - RESOLUTION
    assert min(gaps([await taken(pace, -7) for _ in range(3)])) >= 0.05 - RESOLUTION


async def test_all_chats_together_keep_the_overall_rate() -> None:
    pace = Pace(per_chat=60, per_group=60, overall=0.01)
    times = await asyncio.gather(*(taken(pace, chat) for chat in range(1, 11)))
    assert times == sorted(times)  # first come, first served
    assert min(gaps(times)) >= 0.01 - RESOLUTION


async def test_who_has_a_third_of_the_rate_waits_three_times_as_long() -> None:
    pace = Pace(per_chat=0, per_group=0, overall=0.01)
    pace.narrow(1 / 3)
    assert min(gaps([await taken(pace, chat) for chat in range(1, 5)])) >= 0.03 - RESOLUTION


async def test_a_halt_holds_everybody_and_a_shorter_one_does_not_lift_it() -> None:
    pace = Pace(per_chat=0, per_group=0, overall=0)
    waiting = asyncio.get_running_loop().time()
    pace.halt(0.1)
    pace.halt(0.01)
    assert pace.halted
    times = await asyncio.gather(*(taken(pace, chat) for chat in range(1, 4)))
    assert min(times) >= waiting + 0.1 - RESOLUTION
    assert not pace.halted


async def test_the_chats_of_long_ago_are_forgotten() -> None:
    pace = Pace(per_chat=0, per_group=0, overall=0)
    for chat in range(1, 2500):
        await pace.turn(chat)
    assert len(pace._chat_free_at) <= 1000
