"""The service as a queue: who writes when, which worker takes what, and when Telegram lets the reply out.

One bot, event by event. As in `bot.mailbox` a chat with mail stands in line once, a worker takes several chats and all
mail of each, and what comes meanwhile is the chat's next turn; as in `bot.pace` replies leave one after the other. How
long a worker takes is measured (see `tests.benchmarks.measuring`), how people write is assumed. The same seed gives the
same figures.
"""

import heapq
import math
import random
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

from bot.pace import OVERALL, PER_CHAT
from bot.settings import Settings

BATCH_SIZE: int = Settings.model_fields["batch_size"].default  # turns that a worker takes at once, at most
DAY = 86400.0  # seconds
HOUR = 3600.0
_MINUTES = 1440

Arrivals = list[tuple[float, int]]  # seconds from the beginning, and the chat: each message, in order


@dataclass(frozen=True)
class Habits:
    """How people write. All of it is assumed."""

    messages_per_day: float = 10.0  # of somebody who writes on that day
    peak_share: float = 0.1  # of a day's messages fall into its busiest hour
    lines: int = 4  # of a talk, on average; from 1 to 2 * lines - 1
    gap: float = 20.0  # seconds from one line to the next, on average

    def per_second(self, users: float) -> float:
        """Messages a second in the busiest hour of so many daily users."""
        return users * self.messages_per_day * self.peak_share / HOUR


@dataclass(frozen=True)
class Point:
    """What was measured of one size of batch."""

    batch: float  # turns
    seconds: Sequence[float]  # from one claim to the next: quantiles in equal steps, from the least to the most


@dataclass(frozen=True)
class Service:
    """How long workers take, by batch: the points from small batches to large, and straight lines between them."""

    points: Sequence[Point]

    def quantiles(self, batch: int) -> list[float]:
        """Seconds for so many turns; beyond the last point they grow as the batch does."""
        for low, high in pairwise(self.points):
            if batch <= high.batch:
                part = max(0.0, batch - low.batch) / (high.batch - low.batch)
                return [a + part * (b - a) for a, b in zip(low.seconds, high.seconds, strict=True)]
        last = self.points[-1]
        return [seconds * max(1.0, batch / last.batch) for seconds in last.seconds]


@dataclass(frozen=True)
class Outcome:
    """What became of the messages. Waits are seconds of each turn, from its first message."""

    answered: list[float]  # until its reply was committed
    delivered: list[float]  # until it was sent
    use: float  # part of the time that workers were at work
    batch: float  # turns in a batch, on average


def daily_curve(peak_share: float) -> Callable[[float], float]:
    """How many times the day's mean rate it is at so many seconds from the peak: exp(k cos), from peak to peak."""

    def weights(k: float) -> list[float]:
        return [math.exp(k * (math.cos(2 * math.pi * (minute + 0.5) / _MINUTES) - 1)) for minute in range(_MINUTES)]

    def share(k: float) -> float:
        minutes = weights(k)
        return (sum(minutes[:30]) + sum(minutes[-30:])) / sum(minutes)

    low, high = 0.0, 1000.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < peak_share else (low, middle)
    mean = sum(weights(low)) / _MINUTES
    return lambda seconds: math.exp(low * (math.cos(2 * math.pi * seconds / DAY) - 1)) / mean


def arrivals(users: float, seconds: float, *, seed: int, habits: Habits | None = None) -> Arrivals:
    """What so many daily users write in the `seconds` around the peak. Talks begin by chance; one chat, one talk."""
    habits = habits or Habits()
    chance, curve = random.Random(seed), daily_curve(habits.peak_share)
    most = users * habits.messages_per_day / habits.lines / DAY * curve(0)  # talks a second
    written: Arrivals = []
    begin, chat = -20 * habits.gap * habits.lines, 0  # who began long before may be talking still
    while (begin := begin + chance.expovariate(most)) < seconds:
        if chance.random() * curve(0) > curve(begin - seconds / 2):
            continue
        chat, at = chat + 1, begin
        for _ in range(chance.randint(1, 2 * habits.lines - 1)):
            if 0 <= at < seconds:
                written.append((at, chat))
            at += chance.expovariate(1 / habits.gap)
    return sorted(written)


def steadily(rate: float, seconds: float, *, seed: int) -> Arrivals:
    """So many messages a second, at any hour alike."""
    habits = Habits(peak_share=HOUR / DAY)
    return arrivals(rate * DAY / habits.messages_per_day, seconds, seed=seed, habits=habits)


def simulate(
    written: Arrivals,
    service: Service,
    *,
    workers: int,
    limit: int = BATCH_SIZE,
    overall: float = OVERALL,
    per_chat: float = PER_CHAT,
    seed: int = 0,
) -> Outcome:
    """Answer and deliver all of it. `overall` and `per_chat` are seconds between replies, in all and in a chat."""
    chance = random.Random(seed)
    rows = [service.quantiles(batch) for batch in range(1, limit + 1)]
    steps = len(rows[0]) - 1
    mail: dict[int, list[float]] = defaultdict(list)  # by chat: when each message came
    in_line: set[int] = set()  # chats that stand in line, or are being answered
    line: deque[int] = deque()
    free, busy, batches = workers, 0.0, 0
    chat_free_at: dict[int, float] = {}
    free_at = 0.0  # when the next reply may leave
    answered: list[float] = []
    delivered: list[float] = []
    # What is due, first by time: turns whose batch is done, or a reply that its chat may get.
    due: list[tuple[float, int, list[tuple[int, float]] | None, int, float]] = []
    numbers = iter(range(10**12))

    def begin(now: float) -> None:
        nonlocal free, busy, batches
        while free and line:
            chats = [line.popleft() for _ in range(min(limit, len(line)))]
            turns = [(chat, mail.pop(chat)[0]) for chat in chats]
            row, place = rows[len(turns) - 1], chance.random() * steps
            left = int(place)
            seconds = row[left] + (place - left) * (row[min(left + 1, steps)] - row[left])
            free, busy, batches = free - 1, busy + seconds, batches + 1
            heapq.heappush(due, (now + seconds, next(numbers), turns, 0, 0.0))

    def join(chat: int) -> None:
        in_line.add(chat)
        line.append(chat)

    now, index = 0.0, 0
    while index < len(written) or due:
        if index < len(written) and (not due or written[index][0] <= due[0][0]):
            now, chat = written[index]
            index += 1
            mail[chat].append(now)
            if chat not in in_line:
                join(chat)
                begin(now)
            continue
        now, _, done, chat, came = heapq.heappop(due)
        if done is None:
            if chat_free_at.get(chat, 0.0) > now:
                heapq.heappush(due, (chat_free_at[chat], next(numbers), None, chat, came))
                continue
            sent = max(now, free_at)
            free_at, chat_free_at[chat] = sent + overall, sent + per_chat
            delivered.append(sent - came)
            continue
        free += 1
        for chat, came in done:
            answered.append(now - came)
            heapq.heappush(due, (now, next(numbers), None, chat, came))
            in_line.discard(chat)
            if chat in mail:
                join(chat)
        begin(now)
    return Outcome(answered, delivered, busy / (workers * now), len(answered) / batches)


def percentile(waits: Sequence[float], percent: int) -> float:
    """The wait that so many of a hundred do not exceed."""
    return quantiles(waits, n=100, method="inclusive")[percent - 1] if len(waits) > 1 else waits[0]


def needed(written: Arrivals, service: Service, *, bound: float, at_least: int = 1, overall: float = OVERALL) -> int:
    """The fewest workers, but `at_least` so many, of which p95 of the answers is within `bound` seconds."""

    def enough(workers: int) -> bool:
        return percentile(simulate(written, service, workers=workers, overall=overall).answered, 95) <= bound

    low, high = at_least - 1, at_least  # too few, or not to be tried; and perhaps enough
    while not enough(high):
        low, high = high, high + max(1, high // 4)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
