"""The gateway: Telegram on one side, the mailbox on the other. It needs neither the model nor a worker to run."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable
from itertools import count
from typing import NoReturn, TypeVar

import structlog
from redis.asyncio import Redis
from telegram.error import BadRequest, InvalidToken, RetryAfter, TelegramError

from bot import texts
from bot.api import BotApi, backoff, retry_after
from bot.chat_action import Typing
from bot.delivery import CHANNEL, Sender
from bot.errors import BotError, SettingsError
from bot.health import Health, serve_health
from bot.intake import Intake
from bot.loss import foundations, tell_of_losses
from bot.mailbox import Hours, Lease, Mailbox, Outbox
from bot.metrics import GatewayMetrics
from bot.pace import Pace
from bot.receiver import poll
from bot.settings import Settings
from bot.share import Share
from bot.standby import while_holding
from bot.stats import Stats
from bot.survey import keep_hours, survey
from bot.webhook import serve, webhook_app

log = structlog.get_logger()
T = TypeVar("T")


async def run_gateway(settings: Settings, redis: Redis, stop: asyncio.Event) -> None:
    """Receive and deliver until `stop` is set; then see through what is on its way and return.

    Raises one line for the operator: SettingsError when Telegram refuses the token or the webhook, NewerFormatError
    when what is to be delivered is not for this release.
    """
    if settings.telegram_token is None:
        raise SettingsError("MALBEOT_TELEGRAM_TOKEN: must be set; BotFather gives you one")
    token = settings.telegram_token.get_secret_value()
    api = BotApi(token, settings.telegram_api_url)
    fault: BotError | None = None
    metrics = GatewayMetrics()
    mailbox, outbox = Mailbox.of(redis, settings), Outbox.of(redis, settings)
    health = Health(
        redis,
        metrics.registry,
        lacks="Telegram has not answered yet",
        look=lambda: survey(mailbox, outbox, metrics),
    )
    try:
        async with serve_health(health, settings.metrics_listen), asyncio.TaskGroup() as group:
            group.create_task(_until(stop))
            group.create_task(_run(settings, redis, api, metrics, health))
    except* _StopError:
        log.info("gateway_stopped")
    except* InvalidToken:
        fault = SettingsError("MALBEOT_TELEGRAM_TOKEN: Telegram does not know it; nothing that waits was lost")
    except* BotError as errors:
        fault = _innermost(errors)
    finally:
        await api.close_connections()
    if fault:
        raise fault


async def _run(settings: Settings, redis: Redis, api: BotApi, metrics: GatewayMetrics, health: Health) -> None:
    me = await _persist(api.identify)
    pace = Pace(metrics=metrics)
    mailbox = Mailbox.of(redis, settings)
    known = await foundations(mailbox)
    async with Typing(api, pace) as typing, asyncio.TaskGroup() as group:
        hours = Hours(redis)
        stats = Stats(hours, mailbox, metrics, api, pace, group)
        intake = Intake(me, redis, settings, typing, metrics, stats)
        group.create_task(keep_hours(hours, metrics))
        group.create_task(tell_of_losses(mailbox, Outbox.of(redis, settings), typing, known))
        share = None
        if settings.shards > 1:
            share = Share(redis, settings.shards, pace)
            group.create_task(share.run())

        async def deliver(shard: int) -> None:
            unnoted: set[str] = set()

            async def send(lease: Lease) -> None:
                outbox, held = Outbox.of(redis, settings), lambda: lease.held
                await Sender(api, outbox, pace, typing, unnoted, metrics, held=held, shard=shard).run()

            await while_holding(redis, f"deliver:{CHANNEL}", send, shard=shard, share=share)

        for shard in range(settings.shards):
            group.create_task(deliver(shard))
        if settings.webhook_url and settings.webhook_secret:
            secret = settings.webhook_secret.get_secret_value()
            group.create_task(serve(webhook_app(settings.webhook_url, secret, intake.take), settings.webhook_listen))
            await _register_webhook(api, settings.webhook_url, secret)
            metrics.receiving.set(1)
        else:
            group.create_task(while_holding(redis, f"poll:{_digest(api.token)}", lambda _: _poll(api, intake, metrics)))
        health.lacks = ""
        await _show_commands(api)
        log.info("gateway_ready", receiving="webhook" if settings.webhook_url else "polling")


async def _poll(api: BotApi, intake: Intake, metrics: GatewayMetrics) -> None:
    metrics.receiving.set(1)
    try:
        await _persist(api.delete_webhook)  # while one is set Telegram refuses to be polled
        await poll(api, intake.take, metrics=metrics)
    finally:
        metrics.receiving.set(0)


async def _show_commands(api: BotApi) -> None:
    try:
        await _persist(lambda: api.set_my_commands(list(texts.COMMANDS.items())), BadRequest)
    except BadRequest:
        log.warning("commands_refused")  # they work all the same; only the menu lacks them


async def _register_webhook(api: BotApi, url: str, secret: str) -> None:
    try:
        await _persist(lambda: api.register_webhook(url, secret), BadRequest)
    except BadRequest:
        raise SettingsError(
            "MALBEOT_WEBHOOK_URL: Telegram refuses it; it must be https, on port 443, 80, 88 or 8443, and resolvable"
        ) from None


async def _persist(call: Callable[[], Awaitable[T]], *refusals: type[TelegramError]) -> T:
    """Call until Telegram answers. `refusals` are raised, as is InvalidToken: whatever else goes wrong will pass."""
    for tries in count(1):
        try:
            return await call()
        except InvalidToken:
            raise
        except refusals:
            raise
        except RetryAfter as error:
            await asyncio.sleep(retry_after(error))
        except TelegramError as error:
            log.warning("telegram_unreachable", error=type(error).__name__, tries=tries)
            await asyncio.sleep(backoff(tries))
    raise AssertionError("unreachable")


class _StopError(Exception):
    pass


async def _until(stop: asyncio.Event) -> NoReturn:
    await stop.wait()
    raise _StopError


def _innermost(errors: ExceptionGroup[BotError]) -> BotError:
    first = errors.exceptions[0]
    return _innermost(first) if isinstance(first, ExceptionGroup) else first


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:16]
