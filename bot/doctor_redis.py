"""The doctor's look at Redis, be it one server, a cluster or what sentinels watch; and at what waits in it."""

import asyncio
from dataclasses import replace

from redis.asyncio import Redis, RedisCluster
from redis.exceptions import RedisError

from bot.doctor_nodes import look_at_cluster, look_at_watched
from bot.doctor_server import look_at_server
from bot.errors import BotError
from bot.findings import Finding, State
from bot.mailbox import DeadLetters, Mailbox
from bot.redis_address import RedisAddress
from bot.redis_link import connect
from bot.settings import Settings

_PATIENCE = 30.0  # seconds for all that waits to be counted


async def look_at_redis(settings: Settings, url: str) -> list[Finding]:
    """Nothing is changed there."""
    address = RedisAddress.parse(url)
    looked, findings = await look_at_watched(address, settings) if address.kind == "sentinel" else (False, [])
    try:
        server = await connect(url)
    except BotError as error:
        mend = "see that the server runs, that address, user and password are right, and that no firewall is between"
        return [*findings, Finding("Redis", str(error), State.FAULT, mend)]
    try:
        if isinstance(server, RedisCluster):
            findings += await look_at_cluster(server, settings)
        elif not looked:
            findings += await look_at_server(server, replicas=settings.replicas)
        async with asyncio.timeout(_PATIENCE):
            findings += await _queue(server, settings)
    except BotError as error:
        findings.append(Finding("Redis", str(error), State.FAULT, "start the newer release again"))
    except (RedisError, TimeoutError) as error:
        findings.append(Finding("Redis", f"was lost ({type(error).__name__})", State.FAULT, "look at its log"))
    finally:
        await server.aclose()
    return findings


async def _queue(server: Redis, settings: Settings) -> list[Finding]:
    mailbox = Mailbox.of(server, settings)
    workers, backlog = await mailbox.workers(), await mailbox.backlog()
    letters = len(await DeadLetters(server, shards=settings.shards).all())
    serving = sorted({worker.info.get("checkpoint", "") for worker in workers})
    findings = [Finding("workers", f"{len(workers)} alive, with checkpoint {' and '.join(serving)}")]
    if not workers:
        state = State.FAULT if backlog else State.WARNING
        findings = [Finding("workers", "none alive", state, "start one; if it ends again, its last line says why")]
    elif len(serving) > 1:
        mend = "wait, if you are rolling out a checkpoint; else give all workers the same"
        findings = [replace(findings[0], state=State.WARNING, mend=mend)]
    share = backlog / settings.max_backlog
    state = State.FAULT if share >= 1 else State.WARNING if share > 0.5 else State.SOUND
    mend = "start more workers; beyond MALBEOT_MAX_BACKLOG users are told to come back later" if state else ""
    findings.append(Finding("backlog", f"{backlog} of {settings.max_backlog} messages wait", state, mend))
    if letters:
        mend = "python -m bot dead list"
        findings.append(Finding("dead letters", f"{letters} could not be answered", State.WARNING, mend))
    return findings
