"""From what was measured to what so many daily users need, and where the next limit stands."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import mean

from bot.mailbox.mailbox import SEEN_TTL
from bot.pace import OVERALL
from tests.benchmarks.figures import Figures
from tests.benchmarks.simulation import (
    DAY,
    HOUR,
    Habits,
    Outcome,
    Point,
    Service,
    arrivals,
    needed,
    simulate,
    steadily,
)
from tests.processes import ROOT

HABITS = Habits()
BOUND = 1.0  # seconds until the answer, for 95 of 100 turns around the peak
FULLEST = 0.8  # part of what it bears that is planned for: people come in waves, and machines fail
COMPOSE = ROOT / "docker-compose.yml"
_MESSAGES = 50_000  # that are simulated of each size,
_SHORTEST, _LONGEST = 30.0, HOUR  # within seconds around the peak


@dataclass(frozen=True)
class Limit:
    """What one of something bears."""

    name: str
    users: float  # daily users, at FULLEST
    rate: float | None  # messages a second; None where it is another kind of limit
    then: str


@dataclass(frozen=True)
class Need:
    """What so many daily users take. Where there are several bots, each has for itself what is said of one."""

    users: int
    bots: int
    rate: float  # messages a second in the busiest hour, of all bots
    workers: int  # of one; each takes a core
    gateways: int
    masters: int  # Redis servers that are written to
    requests: float  # a second, to Redis
    memory: float  # bytes, of Redis
    file: float  # bytes a day that its append-only file grows by until it is written anew
    outcome: Outcome


def service_of(figures: Figures) -> Service:
    """Seconds of a worker by batch. What is no decoding takes as long for each batch of a size."""
    points = []
    for load in figures.single:
        steps = load.decode_seconds
        decoding = mean([(low + high) / 2 for low, high in pairwise(steps)])
        besides = max(0.0, load.cycle_seconds - decoding)
        points.append(Point(load.batch, [seconds + besides for seconds in steps]))
    return Service(points)


def side_by_side(figures: Figures) -> tuple[Outcome, Sequence[float], Sequence[float]]:
    """The steady hour of the real service once more, simulated; and what was measured: answered, delivered."""
    steady = figures.steady
    written = steadily(steady.messages_per_second, steady.seconds, seed=steady.seed)
    outcome = simulate(written, service_of(figures), workers=1, seed=steady.seed)
    return outcome, steady.answered_seconds, steady.delivered_seconds


def bytes_per_user(figures: Figures) -> float:
    """Of Redis' memory, for each daily user: a history, and the marks of two days."""
    marks = HABITS.messages_per_day * SEEN_TTL / DAY * figures.mailbox.mark_bytes_per_message
    return marks + figures.mailbox.history_bytes_per_chat


def compose_memory() -> int:
    """Bytes that Redis may take in docker-compose.yml."""
    [found] = re.findall(r"--maxmemory, (\d+)mb", COMPOSE.read_text("utf-8"))
    return int(found) * 2**20


def limits(figures: Figures) -> list[Limit]:
    """Each by itself; what is met first stands first."""
    polled = next(burst for burst in figures.bursts if burst.disk)
    rates = [
        (
            "Telegram, for one bot",
            1 / OVERALL,
            "another bot with a deployment of its own, or [one more than 30](#one-bot)",
        ),
        ("a worker with a core", figures.single[-1].replies_per_second, "`--scale worker=N`"),
        ("a gateway that polls", polled.messages_per_second, "[a webhook](README.md#webhook): chats beside each other"),
        (
            "a gateway's one core",
            1 / figures.steady.gateway_cpu_seconds_per_message,
            "more gateways, with a webhook and `MALBEOT_SHARDS`",
        ),
        (
            "one Redis' one thread, disk included",
            1 / figures.mailbox.server_busy_seconds_per_message,
            "a faster disk; then a cluster and `MALBEOT_SHARDS`",
        ),
    ]
    found = [Limit(name, FULLEST * rate / HABITS.per_second(1), rate, then) for name, rate, then in rates]
    memory = FULLEST * compose_memory() / bytes_per_user(figures)
    found.append(Limit("Redis' memory in docker-compose.yml", memory, None, "raise `--maxmemory` and `mem_limit`"))
    return sorted(found, key=lambda limit: limit.users)


def need(figures: Figures, users: int, seed: int, *, lifted: bool = False) -> Need:
    """Around the peak, by simulating one bot. `lifted`: Telegram lets one bot send as much as it likes."""
    rate = HABITS.per_second(users)
    bots = 1 if lifted else math.ceil(rate * OVERALL / FULLEST)
    one, overall = rate / bots, 0.0 if lifted else OVERALL  # messages a second of a bot, seconds between replies
    seconds = min(max(_MESSAGES / one, _SHORTEST), _LONGEST)
    written, service = arrivals(users / bots, seconds, seed=seed, habits=HABITS), service_of(figures)
    at_least = math.ceil(one / figures.single[-1].replies_per_second / FULLEST)
    workers = needed(written, service, bound=BOUND, at_least=at_least, overall=overall)
    gateways = math.ceil(one * figures.steady.gateway_cpu_seconds_per_message / FULLEST)
    requests, masters = _redis(figures, one, workers, gateways)
    return Need(
        users=users,
        bots=bots,
        rate=rate,
        workers=workers,
        gateways=gateways,
        masters=masters,
        requests=requests,
        memory=users / bots * bytes_per_user(figures),
        file=users / bots * HABITS.messages_per_day * figures.steady.append_only_file_bytes_per_message,
        outcome=simulate(written, service, workers=workers, overall=overall),
    )


def _redis(figures: Figures, rate: float, workers: int, gateways: int) -> tuple[float, int]:
    """Requests a second, and among how many masters they are parted. Several need shards, and these more polling."""
    steady = figures.steady
    busy = figures.mailbox.server_busy_seconds_per_message / steady.redis_requests_per_message
    requests, masters = 0.0, 0
    for polling in figures.idle:  # the last has shards
        requests = rate * steady.redis_requests_per_message
        requests += workers * polling.redis_requests_per_second_and_worker
        requests += gateways * polling.redis_requests_per_second_and_gateway
        masters = math.ceil(requests * busy / FULLEST)
        if masters == 1:
            break
    return requests, masters
