"""The worker: claims conversations that have mail, decodes them in batches, commits the replies."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from secrets import token_hex
from time import monotonic, time
from typing import Protocol, TypeVar

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from bot import texts
from bot.care import apology_reply, crisis_reply, fixed_reply, needs_reminder, withheld_reply
from bot.decency import may_leave
from bot.errors import BotError, SettingsError
from bot.health import Health, serve_health
from bot.lookout import Lookout
from bot.mailbox import Mailbox, Reply, Turn
from bot.metrics import WorkerMetrics
from bot.settings import Settings
from model.checkpoint import CheckpointError
from model.dialogue import fill_names
from model.engine import EngineReply, load_engine
from model.heads import ALARM

CLAIM_WAIT = 1.0  # seconds; a claim is never cut short, or what it took would stay taken, so it also delays stopping
BEAT_TTL = 15.0  # seconds
LONGEST_PAUSE = 5.0  # seconds between tries while Redis does not answer
LOOK_EVERY = 3.0  # seconds between looks for another checkpoint

log = structlog.get_logger()
T = TypeVar("T")


class DecodeTimeoutError(BotError):
    """A batch took longer than `decode_timeout`. Its thread cannot be ended, so the process must be."""


class Speaker(Protocol):
    """What a worker asks of an engine. One thread at a time calls it."""

    @property
    def name(self) -> str: ...

    @property
    def checkpoint_hash(self) -> str: ...

    def reply(self, conversations: Sequence[Sequence[str]]) -> list[EngineReply]:
        """A reply to each conversation (user, bot, …, user)."""
        ...


async def run_worker(settings: Settings, redis: Redis, stop: asyncio.Event) -> None:
    """Load the checkpoint, then answer until `stop` is set; what is held by then is finished, or handed back unworked.

    Another checkpoint that is put in the place of MALBEOT_CHECKPOINT is taken up meanwhile. SettingsError if there is
    none to begin with; DecodeTimeoutError if decoding hangs, after which the process must end without waiting for its
    threads.
    """
    thread = ThreadPoolExecutor(1, thread_name_prefix="decode")
    metrics = WorkerMetrics()
    health = Health(redis, metrics.registry, lacks="the engine is being loaded")
    lookout = Lookout(settings.checkpoint) if settings.checkpoint else None
    async with serve_health(health, settings.metrics_listen):
        engine = await asyncio.get_running_loop().run_in_executor(thread, _load, settings)
        health.lacks = ""
        worker = Worker(engine, Mailbox.of(redis, settings), settings, thread, metrics)
        watching = asyncio.create_task(_keep_up(worker, lookout, settings), name="lookout") if lookout else None
        try:
            await worker.run(stop)
        finally:
            if watching:
                watching.cancel()
    thread.shutdown()


def load_speaker(settings: Settings) -> Speaker:
    """The engine that the settings name, warm: it has answered once. SettingsError if it cannot be had.

    The first reply takes longest (TensorFlow traces its graphs then); no user should wait for it. Loads beside an
    engine that is decoding: call it on another thread than that one's.
    """
    try:
        engine = load_engine(settings.checkpoint_dir, settings.engine)
    except CheckpointError as error:
        raise SettingsError(f"MALBEOT_CHECKPOINT: {error}") from None
    except ModuleNotFoundError as error:
        raise SettingsError(f"MALBEOT_ENGINE: {settings.engine} needs {error.name}, which is not installed") from None
    try:
        engine.reply([["안녕"]])
    except Exception as error:
        kind = type(error).__name__
        raise SettingsError(f"MALBEOT_CHECKPOINT: {settings.checkpoint_dir} cannot answer ({kind})") from error
    return engine


def _load(settings: Settings) -> Speaker:
    began = monotonic()
    engine = load_speaker(settings)
    log.info("engine_loaded", engine=engine.name, checkpoint=engine.checkpoint_hash, seconds=_since(began))
    return engine


async def _keep_up(worker: "Worker", lookout: Lookout, settings: Settings) -> None:
    """Hand the worker each other checkpoint that comes; one that is no good is refused, and the old one serves on."""
    while True:
        await asyncio.sleep(LOOK_EVERY)
        if await asyncio.to_thread(lookout.another):
            try:
                worker.answer_with(await asyncio.to_thread(_load, settings))
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the old one is still good
                reason = str(error) if isinstance(error, BotError) else type(error).__name__
                log.error("checkpoint_refused", reason=reason, serving=worker.engine.checkpoint_hash)


class Worker:
    """Answers turns. One that fails is tried again, alone, by whoever claims it next, `max_tries` times in all."""

    def __init__(
        self,
        engine: Speaker,
        mailbox: Mailbox,
        settings: Settings,
        thread: ThreadPoolExecutor,
        metrics: WorkerMetrics | None = None,
    ) -> None:
        self.name = f"{socket.gethostname()}-{token_hex(4)}"
        self._mailbox = mailbox
        self._settings = settings
        self._thread = thread
        self._metrics = metrics or WorkerMetrics()
        self._stop = asyncio.Event()
        self.answer_with(engine)

    def answer_with(self, engine: Speaker) -> None:
        """From the next batch on this engine answers."""
        self.engine = engine
        self._metrics.answers_with(engine.checkpoint_hash, engine.name)

    async def run(self, stop: asyncio.Event) -> None:
        """Claim and answer until `stop` is set."""
        self._stop = stop
        beating = asyncio.create_task(self._beat(), name="beat")
        log.info("worker_ready", worker=self.name)
        try:
            while not stop.is_set():
                turns = await self._persist(
                    lambda: self._mailbox.claim(self.name, limit=self._settings.batch_size, wait=CLAIM_WAIT)
                )
                if turns:
                    await self._work(turns)
        finally:
            beating.cancel()
            with suppress(RedisError):
                await self._mailbox.leave(self.name)
        log.info("worker_stopped", worker=self.name)

    async def _work(self, turns: list[Turn]) -> None:
        """Answer the turns of one claim, and keep the claim on all of them until the last is answered.

        Those with a fixed reply come first: they wait for no decoding, and no failure of it concerns them.
        """
        self._metrics.taken_over.inc(sum(turn.suspect for turn in turns))
        fixed = {turn: reply for turn in turns if (reply := fixed_reply(turn))}
        fresh = [turn for turn in turns if turn not in fixed and not turn.suspect]
        batches = [fresh] if fresh else []
        batches += [[turn] for turn in turns if turn not in fixed and turn.suspect]
        renewing = asyncio.create_task(self._renew(turns), name="renew")
        try:
            await asyncio.gather(*(self._settle(turn, reply) for turn, reply in fixed.items()))
            for batch in batches:
                if self._stop.is_set() and batch is not batches[0]:
                    await asyncio.gather(*map(self._release, batch))
                else:
                    await self._answer(batch)
        finally:
            renewing.cancel()

    async def _answer(self, batch: list[Turn]) -> None:
        if len(batch) == 1 and batch[0].tries > self._settings.max_tries:
            # Whoever held it so often never came to the point of burying it.
            await self._bury(batch[0], "worker lost")
            return
        began = monotonic()
        try:
            replies = await self._decode(batch)
        except TimeoutError:
            seconds = self._settings.decode_timeout
            origins = [origin for turn in batch for origin in turn.origins]
            log.error("decode_timeout", worker=self.name, origins=origins, seconds=seconds)
            raise DecodeTimeoutError(f"decoding took longer than MALBEOT_DECODE_TIMEOUT ({seconds:g} s)") from None
        except Exception as error:  # noqa: BLE001 - whatever a text does to the engine, other texts must go on
            await self._fail(batch, error)
            return
        seconds = _since(began)
        self._metrics.batches.observe(len(batch))
        self._metrics.decoding.observe(seconds)
        self._metrics.tokens.inc(sum(reply.tokens for reply in replies))
        await asyncio.gather(
            *(self._commit(turn, reply, len(batch), seconds) for turn, reply in zip(batch, replies, strict=True))
        )

    async def _decode(self, batch: list[Turn]) -> list[EngineReply]:
        conversations = [_conversation(turn) for turn in batch]
        async with asyncio.timeout(self._settings.decode_timeout):
            return await asyncio.get_running_loop().run_in_executor(self._thread, self.engine.reply, conversations)

    async def _fail(self, batch: list[Turn], error: Exception) -> None:
        self._metrics.decode_failures.inc()
        # The error's own words could hold a user's.
        log.error("decode_failed", worker=self.name, batch=len(batch), error=type(error).__name__)
        if len(batch) > 1:
            for turn in batch:
                await self._answer([turn])
        elif batch[0].tries >= self._settings.max_tries:
            await self._bury(batch[0], type(error).__name__)
        # Else the claim runs out, and the next try begins with whoever takes it over.

    async def _commit(self, turn: Turn, decoded: EngineReply, batch: int, seconds: float) -> None:
        if decoded.crisis >= ALARM:
            await self._settle(turn, crisis_reply(turn), batch=batch, decoding=seconds)
            return
        candidates = [candidate for candidate in (decoded, *decoded.others) if candidate.text.strip()]
        if not candidates:
            await self._bury(turn, "blank reply")
            return
        fit = next((candidate for candidate in candidates if may_leave(candidate.text)), None)
        reply = self._worded(turn, fit.text) if fit else withheld_reply(turn)
        await self._settle(turn, reply, tokens=(fit or decoded).tokens, batch=batch, decoding=seconds)

    def _worded(self, turn: Turn, raw: str) -> Reply:
        """The model's words as the user reads them."""
        text = fill_names(raw, owner=self._settings.owner, bot=self._settings.bot_name)
        if needs_reminder(turn):
            return Reply("careful", f"{text}\n\n{texts.REMINDER}", raw=raw)
        return Reply("model", text, raw=raw)

    async def _settle(self, turn: Turn, reply: Reply, **about: float) -> None:
        committed = await self._persist(lambda: self._mailbox.commit(self.name, turn, reply))
        self._metrics.turns.labels("answered" if committed else "claim_lost").inc()
        log.info(
            "answered" if committed else "claim_lost",
            origins=turn.origins,
            chat=turn.address,
            kind=reply.kind,
            waited=round(time() - turn.messages[0].received_at, 3),
            **about,
        )

    async def _bury(self, turn: Turn, reason: str) -> None:
        apology = apology_reply(turn)
        buried = await self._persist(lambda: self._mailbox.bury(self.name, turn, reason, apology))
        self._metrics.turns.labels("buried" if buried else "claim_lost").inc()
        if buried:
            self._metrics.dead_letters.labels(reason).inc()
        log.error(
            "dead_letter" if buried else "claim_lost",
            origins=turn.origins,
            chat=turn.address,
            tries=turn.tries,
            reason=reason,
        )

    async def _release(self, turn: Turn) -> None:
        with suppress(RedisError):
            await self._mailbox.release(self.name, turn)

    async def _persist(self, call: Callable[[], Awaitable[T]]) -> T | None:
        """Call until Redis answers; None if it has not by the time of stopping. The call must bear being repeated."""
        for tries in count(1):
            try:
                return await call()
            except RedisError as error:
                log.warning("redis_unreachable", worker=self.name, error=type(error).__name__, tries=tries)
            pause = min(0.2 * tries, LONGEST_PAUSE)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), pause)
                break
        return None

    async def _renew(self, turns: list[Turn]) -> None:
        while True:
            await asyncio.sleep(self._settings.claim_ttl / 3)
            with suppress(RedisError):
                await self._mailbox.renew(self.name, turns)

    async def _beat(self) -> None:
        since = str(int(time()))
        while True:
            info = {"engine": self.engine.name, "checkpoint": self.engine.checkpoint_hash, "since": since}
            with suppress(RedisError):
                await self._mailbox.beat(self.name, info, ttl=BEAT_TTL)
            await asyncio.sleep(BEAT_TTL / 3)


def _conversation(turn: Turn) -> list[str]:
    """As the engine reads it: user, bot, …, user."""
    return [text for exchange in turn.history for text in (exchange.user, exchange.bot)] + [turn.text]


def _since(began: float) -> float:
    return round(monotonic() - began, 3)
