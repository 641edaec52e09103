"""What the processes count, named in one place; served by `bot.health`.

Units are Prometheus' base units, names say what is counted, and labels take few values, all of them ours: no chat, no
person, no text, no token ever stands in one. Each process has a registry of its own, so that several of them may live
in one interpreter, as they do in the tests.
"""

from collections import Counter as Counts
from time import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from bot.mailbox import Delivery, hours

_TURNS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_DECODING = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
UNKNOWN = float("nan")  # what Redis would have to tell, and does not: no alert compares with it


class GatewayMetrics:
    """A gateway's. What everybody shares (`backlog` and the like) is looked up when it is asked for.

    `hourly` gathers what `/stats` shows; see `bot.stats`.
    """

    def __init__(self) -> None:
        registry = self.registry = _registry()
        self.hourly: Counts[tuple[int, str]] = Counts()
        self.updates = Counter(
            "malbeot_updates", "Updates from Telegram, repeated ones too.", ["kind"], registry=registry
        )
        self._accepted = Counter("malbeot_messages_accepted", "Messages taken into the mailbox.", registry=registry)
        self._refused = Counter(
            "malbeot_messages_refused", "Messages that were not taken in, by why.", ["reason"], registry=registry
        )
        self._deliveries = Counter(
            "malbeot_deliveries",
            "Replies that left the outbox: what became of them, and of what kind they were.",
            ["outcome", "kind"],
            registry=registry,
        )
        self._replies = Histogram(
            "malbeot_reply_seconds",
            "From taking a message in to delivering its reply; of several messages the first.",
            ["kind"],
            buckets=hours.WAITS,
            registry=registry,
        )
        self.send_failures = Counter(
            "malbeot_send_failures", "Calls that did not bring a reply to Telegram and are repeated.", registry=registry
        )
        self.receiving = Gauge(
            "malbeot_receiving", "1 where this gateway receives, 0 where it stands by.", registry=registry
        )
        self.receiving_failures = Counter(
            "malbeot_receiving_failures", "Rounds of polling that failed, by why.", ["reason"], registry=registry
        )
        self.told_to_wait = Counter(
            "malbeot_told_to_wait", "Times that Telegram said, of what we send: retry after.", registry=registry
        )
        self.redis_up = Gauge("malbeot_redis_up", "1 where Redis answered this gateway just now.", registry=registry)
        self.backlog = Gauge(
            "malbeot_backlog_messages",
            "Messages that wait for a reply, of all gateways; those being answered count too.",
            registry=registry,
        )
        self.oldest_message = Gauge(
            "malbeot_oldest_message_age_seconds", "How long the first chat in the queue has waited.", registry=registry
        )
        self.oldest_reply = Gauge(
            "malbeot_oldest_reply_age_seconds", "How long the first reply in the outbox has waited.", registry=registry
        )
        self.memory_used = Gauge(
            "malbeot_redis_memory_used_bytes",
            "Memory that Redis uses; in a cluster its fullest master.",
            registry=registry,
        )
        self.memory_limit = Gauge(
            "malbeot_redis_memory_max_bytes", "Memory that it may use (maxmemory); 0 is no limit.", registry=registry
        )
        self.workers = Gauge("malbeot_workers", "Workers that gave a sign of life not long ago.", registry=registry)
        # What a rule looks for should be there before it happens for the first time: else its increase is missed.
        for reason in ("backlog_full", "mailbox_full", "limited", "not_allowed"):
            self._refused.labels(reason)
        for reason in ("conflict", "telegram", "redis", "told_to_wait"):
            self.receiving_failures.labels(reason)
        for outcome in ("delivered", "undeliverable"):
            self._deliveries.labels(outcome, "model")

    def accepted(self) -> None:
        self._accepted.inc()
        self._tally("accepted")

    def refused(self, reason: str) -> None:
        self._refused.labels(reason).inc()
        self._tally("refused")

    def left_outbox(self, delivery: Delivery, outcome: str) -> None:
        """A reply was delivered, or never can be."""
        self._deliveries.labels(outcome, delivery.kind).inc()
        if outcome != "delivered" or delivery.received_at is None:
            return
        waited = max(0.0, time() - delivery.received_at)
        self._replies.labels(delivery.kind).observe(waited)
        if delivery.kind != "fixed":  # a command's answer is there at once, and would flatter
            self._tally(hours.wait_field(waited))

    def _tally(self, field: str) -> None:
        self.hourly[hours.hour_of(time()), field] += 1


class WorkerMetrics:
    """A worker's."""

    def __init__(self) -> None:
        registry = self.registry = _registry()
        self.turns = Counter(
            "malbeot_turns", "Turns that were worked on, by how they ended.", ["outcome"], registry=registry
        )
        self.batches = Histogram(
            "malbeot_batch_turns", "Turns that were decoded together.", buckets=_TURNS, registry=registry
        )
        self.decoding = Histogram(
            "malbeot_decode_seconds", "Time that a batch took to decode.", buckets=_DECODING, registry=registry
        )
        self.tokens = Counter("malbeot_tokens", "Tokens of the replies that were decoded.", registry=registry)
        self.decode_failures = Counter(
            "malbeot_decode_failures", "Batches that could not be decoded.", registry=registry
        )
        self.dead_letters = Counter(
            "malbeot_dead_letters", "Turns given up, by the kind of fault.", ["reason"], registry=registry
        )
        self.taken_over = Counter(
            "malbeot_claims_taken_over", "Turns on which another try had been begun before.", registry=registry
        )
        self._checkpoint = Info("malbeot_checkpoint", "The checkpoint that answers, and its engine.", registry=registry)
        for outcome in ("answered", "buried", "claim_lost"):
            self.turns.labels(outcome)

    def answers_with(self, checkpoint_hash: str, engine: str) -> None:
        """From now on this checkpoint, by its short hash, answers."""
        self._checkpoint.info({"checkpoint": checkpoint_hash, "engine": engine})


def _registry() -> CollectorRegistry:
    disable_created_metrics()  # type: ignore[no-untyped-call] # each counter's birth as a series of its own: nobody asks for it
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)  # memory and processor time, where the system tells (Linux)
    return registry
