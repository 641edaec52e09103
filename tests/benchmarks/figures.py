"""The figures of a measuring run, each with its unit, as they are kept in capacity.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HISTORY = 4  # exchanges of a history that is weighed: as many as are kept


@dataclass(frozen=True)
class FullLoad:
    """Workers that have more to do than they can."""

    gateways: int  # one: the whole service; none: messages are put into Redis, and no other process is in the way
    workers: int
    batch_limit: int  # turns
    batch: float  # turns decoded together, on average
    replies_per_second: float  # of all workers
    cycle_seconds: float  # from one claim to the next
    decode_seconds: list[float]  # of a batch: quantiles in equal steps, from the least to the most
    worker_cores: float  # that each worker kept busy
    worker_cpu_seconds_per_reply: float


@dataclass(frozen=True)
class MailboxAlone:
    """Redis, asked for all that a message needs by many at once; and the memory that it then takes."""

    messages_per_second: float
    server_busy_seconds_per_message: float  # of its one thread, waiting for the disk included
    server_cpu_seconds_per_message: float
    history_bytes_per_chat: float  # of HISTORY exchanges
    mark_bytes_per_message: float  # by which duplicates are known


@dataclass(frozen=True)
class Burst:
    """Messages that come all at once, taken in by one gateway that polls; no worker runs."""

    disk: bool  # whether Redis writes to one; else to memory
    messages_per_second: float
    gateway_cpu_seconds_per_message: float


@dataclass(frozen=True)
class Idle:
    """What it costs each second that nobody writes."""

    shards: int
    redis_requests_per_second_and_gateway: float
    redis_requests_per_second_and_worker: float
    gateway_cores: float
    worker_cores: float
    server_cores: float  # with one gateway and four workers


@dataclass(frozen=True)
class Steady:
    """Messages by chance, at a steady rate, answered by one worker."""

    seed: int
    seconds: float
    messages_per_second: float
    messages: int
    characters_per_message: float
    replies: int
    server: str  # its name and version
    gateway_cpu_seconds_per_message: float
    worker_cpu_seconds_per_message: float
    server_cpu_seconds_per_message: float
    server_busy_seconds_per_message: float  # of its one thread, waiting for the disk included
    redis_requests_per_message: float
    redis_commands_per_message: float  # those within scripts included
    redis_calls_per_message: dict[str, float]  # of the commands that are called most
    redis_bytes_in_per_message: float
    redis_bytes_out_per_message: float
    append_only_file_bytes_per_message: float
    answered_seconds: list[float]  # wait of each turn, from being taken in until the commit
    delivered_seconds: list[float]  # until Telegram had it


@dataclass(frozen=True)
class Figures:
    """All that was measured, and where."""

    processor: str
    cores: int
    busy_cores_before: float  # by others, just before the run
    loads: list[FullLoad]
    mailbox: MailboxAlone
    bursts: list[Burst]
    idle: list[Idle]
    steady: Steady

    @property
    def single(self) -> list[FullLoad]:
        """Those of one worker with nothing in its way, by batch."""
        return sorted((load for load in self.loads if not load.gateways), key=lambda load: load.batch)

    @classmethod
    def read(cls, path: Path) -> "Figures":
        """From a file that `python -m tests.benchmarks.capacity measure` wrote."""
        found: dict[str, Any] = json.loads(path.read_text("utf-8"))
        found["loads"] = [FullLoad(**load) for load in found["loads"]]
        found["idle"] = [Idle(**idle) for idle in found["idle"]]
        found["bursts"] = [Burst(**burst) for burst in found["bursts"]]
        found["mailbox"], found["steady"] = MailboxAlone(**found["mailbox"]), Steady(**found["steady"])
        return cls(**found)

    def text(self) -> str:
        """As `read` takes it from a file."""
        return json.dumps(_rounded(asdict(self)), indent=2) + "\n"


def _rounded(value: Any) -> Any:  # noqa: ANN401
    """Five digits of each number: more is noise."""
    match value:
        case dict():
            return {name: _rounded(part) for name, part in value.items()}
        case list():
            return [_rounded(part) for part in value]
        case float():
            return float(f"{value:.5g}")
    return value
