"""What the other side may say: Redis refuses for some seconds, Telegram fails, while users talk.

python -m tests.faults.answers

Redis is a real server that is brought to say it: how often it did is read off its own counters.
"""

import asyncio
import contextlib
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as BrokenError, ResponseError

from bot.redis_link import connect
from tests.faults.brittle import LEASE, NEVER, ended
from tests.faults.checker import check
from tests.faults.kills import Fleet, Talk
from tests.faults.program import conclude, options
from tests.faults.scenes import Scene, play, stage, until
from tests.faults.table import row
from tests.servers import server
from tests.telegram_api import BOT, Failure

SECONDS = 1.5 * LEASE  # of harm: leases and claims run out meanwhile
READY, GROUP = "malbeot:{s0}:ready", "workers"
BACKLOG, OUTBOX = "malbeot:{s0}:backlog", "malbeot:{s0}:outbox:telegram"
REVOKED = "malbeot: MALBEOT_TELEGRAM_TOKEN: Telegram does not know it; nothing that waits was lost"
BLOCKED, GONE, LONG, MOVED, MOVED_TO = 11, 12, 13, -14, -10014  # chats
IN_FLIGHT = 100  # messages
ALWAYS = 10**9  # times

Harm = Callable[[Fleet, Redis, float], Awaitable[int]]


async def refusing(folder: Path, name: str, harm: Harm, seconds: float = SECONDS) -> Scene:
    """Redis does `harm` for so long; its result says how often it struck."""
    async with stage(folder) as (fleet, talk), fleet.running(), _admin(fleet) as admin:
        await _warm_up(talk)
        harming = asyncio.create_task(harm(fleet, admin, seconds))
        await _talk_while(talk, harming)
        for _ in range(20):
            talk.burst()
        await talk.until_answered()
        findings = check(talk.asked, talk.telegram.sent, fleet.excuse())
    return Scene(row(name, await harming, len(talk.asked), findings), findings, fleet, talk)


async def full(_: Fleet, admin: Redis, seconds: float) -> int:
    """OOM: there is no memory left."""
    await admin.config_set("maxmemory", 1)
    await asyncio.sleep(seconds)
    await admin.config_set("maxmemory", 0)
    return await _said(admin, "OOM")


async def unsaved(fleet: Fleet, admin: Redis, seconds: float) -> int:
    """MISCONF: the last snapshot could not be written."""
    obstacle = fleet.folder / "data" / "dump.rdb"
    obstacle.mkdir()
    await admin.config_set("save", "3600 1000000")
    while (await admin.info("persistence"))["rdb_last_bgsave_status"] == "ok":
        with contextlib.suppress(ResponseError):  # another child of the server's is at work
            await admin.bgsave()
        await asyncio.sleep(0.1)
    await asyncio.sleep(seconds)
    obstacle.rmdir()
    await admin.config_set("save", "")
    return await _said(admin, "MISCONF")


async def read_only(_: Fleet, admin: Redis, seconds: float) -> int:
    """READONLY: it has become a replica. Its primary never answers, else all that it holds would be replaced."""
    await admin.replicaof("127.0.0.1", "1")
    await asyncio.sleep(seconds)
    await admin.replicaof("NO", "ONE")
    return await _said(admin, "READONLY")


async def loading(fleet: Fleet, admin: Redis, seconds: float) -> int:
    """LOADING: it has started again, and reads its files, which are long, and the disk slow."""
    pipeline = admin.pipeline(transaction=False)
    for number in range(round(seconds * 1000)):
        pipeline.set("filler", number)
    await pipeline.execute()
    await fleet.stop_server()
    # It looks at its connections after every 1024 commands, and takes a millisecond for each.
    slow: dict[str, Any] = {"appendonly": "yes", "appendfsync": "always", "key-load-delay": "1000"}
    async with server(fleet.folder / "data", **slow):
        await admin.config_set("key-load-delay", 0)
        times = await _said(admin, "LOADING")
    await fleet.start_server()
    return times


async def without_scripts(_: Fleet, admin: Redis, seconds: float) -> int:
    """NOSCRIPT: its scripts are gone, again and again."""
    await _for_a_while(admin.script_flush, seconds, every=0.1)
    return await _said(admin, "NOSCRIPT")


async def without_group(_: Fleet, admin: Redis, seconds: float) -> int:
    """NOGROUP: the workers' group is gone, again and again."""
    await _for_a_while(lambda: admin.xgroup_destroy(READY, GROUP), seconds, every=0.5)
    return await _said(admin, "NOGROUP") + await _said(admin, "UNBLOCKED")


async def away(fleet: Fleet, _: Redis, seconds: float) -> int:
    """Nobody listens; the processes stay up."""
    await fleet.kill_server(away=seconds)
    return 1


async def hanging_up(_: Fleet, admin: Redis, seconds: float) -> int:
    """Every connection is closed, ten times a second."""
    closed = 0

    async def hang_up() -> None:
        nonlocal closed
        closed += int(await admin.client_kill_filter(_type="normal", skipme=True))

    await _for_a_while(hang_up, seconds, every=0.1)
    return closed


async def crowded(fleet: Fleet, admin: Redis, seconds: float) -> int:
    """maxclients: others hold all the connections that there are."""
    limit = (await admin.config_get("maxclients"))["maxclients"]
    async with contextlib.AsyncExitStack() as crowd:
        await admin.config_set("maxclients", 20)

        async def crowd_in() -> None:
            ours = [client["id"] for client in await admin.client_list() if client["name"] != "crowd"]
            me = await admin.client_id()
            for client in ours:
                if int(client) != me:
                    await admin.client_kill_filter(_id=client)
            with contextlib.suppress(BrokenError):
                while True:
                    other = Redis.from_url(fleet.url, retry=None, client_name="crowd", single_connection_client=True)
                    crowd.push_async_callback(other.aclose)
                    await other.ping()

        await _for_a_while(crowd_in, seconds, every=0.1)
    await admin.config_set("maxclients", limit)
    return int((await admin.info("stats"))["rejected_connections"])


REDIS: dict[str, Harm] = {
    "Redis says OOM": full,
    "Redis says MISCONF": unsaved,
    "Redis says READONLY": read_only,
    "Redis says LOADING": loading,
    "Redis says NOSCRIPT": without_scripts,
    "Redis says NOGROUP": without_group,
    "Redis is not there, longer than a lease": away,
    "Redis closes all connections": hanging_up,
    "Redis has no connection left": crowded,
}

MOODY = 0.4  # of the calls
MOODS: tuple[dict[str, Any], ...] = (
    {"status": 429, "description": "Too Many Requests: retry after 1", "parameters": {"retry_after": 1}},
    {"status": 500},
    {"status": 502, "body": b"<html><h1>502 Bad Gateway</h1></html>"},
    {"status": 200, "body": b"\xff\x00\x1f{"},
    {"status": 200, "body": b'{"ok": true, "result": '},
    {"status": 200, "body": b'{"ok": false}'},
    {"status": 200, "body": b""},
    {"status": 403, "body": b"<html>Forbidden</html>"},
    {"status": 404, "body": b"<html>Not Found</html>"},
    {"status": 200, "cut": True},
)


async def moody(folder: Path, seconds: float = 5 * SECONDS, seed: int = 20) -> Scene:
    """Telegram fails at random; some of what it fails to answer, it has done."""
    async with stage(folder) as (fleet, talk), fleet.running():
        await _warm_up(talk)
        telegram = talk.telegram
        telegram.fail("getUpdates", status=409, description="Conflict: terminated by other getUpdates request")
        telegram.mood = partial(_drawn, random.Random(seed))
        await _talk_while(talk, asyncio.create_task(asyncio.sleep(seconds)))
        telegram.mood = lambda _: None
        await talk.until_answered()
        findings = check(talk.asked, telegram.sent, lambda first, _: first.message_id in telegram.unheard)
    name = "Telegram says 429, 500, 502, 409, garbage, or half of it"
    return Scene(row(name, telegram.failed, len(talk.asked), findings), findings, fleet, talk)


def _drawn(chance: random.Random, method: str) -> Failure | None:
    if method not in ("sendMessage", "getUpdates") or chance.random() > MOODY:
        return None
    mood = chance.choice(MOODS)
    return Failure(method, performed=mood["status"] in (200, 500, 502) and chance.random() < 0.5, **mood)


async def undeliverable(folder: Path) -> Scene:
    """To some chats nothing can be delivered, or only elsewhere, while others talk."""
    async with stage(folder) as (fleet, talk), fleet.running(), _admin(fleet) as admin:
        telegram = talk.telegram
        for chat, status, description, parameters in (
            (BLOCKED, 403, "Forbidden: bot was blocked by the user", {}),
            (GONE, 400, "Bad Request: chat not found", {}),
            (LONG, 400, "Bad Request: message is too long", {}),
            (MOVED, 400, "Bad Request: group chat was upgraded", {"migrate_to_chat_id": MOVED_TO}),
        ):
            telegram.fail(
                "sendMessage", times=ALWAYS, chat=chat, status=status, description=description, parameters=parameters
            )
        for _ in range(10):
            for chat in (BLOCKED, GONE, LONG):
                talk.say(chat, "안녕")
            for _ in range(3):
                talk.burst()
            await asyncio.sleep(0.3)
        for text in ("안녕", "다들 뭐 해?", "나 왔어"):
            talk.say(MOVED, f"@{BOT['username']} {text}")
        unheard = {question.number for question in talk.asked if question.chat in (BLOCKED, GONE, LONG)}
        talk.open -= unheard
        await talk.until_answered()
        await until(lambda: fleet.accepted() == len(talk.asked))
        async with asyncio.timeout(60):
            while int(await admin.get(BACKLOG)) or await admin.xlen(OUTBOX):  # noqa: ASYNC110 - it happens elsewhere
                await asyncio.sleep(0.1)
        asked = [question for question in talk.asked if question.number not in unheard]
        sent = [replace(message, chat=MOVED) if message.chat == MOVED_TO else message for message in telegram.sent]
        findings = check(asked, sent, fleet.excuse())
    name = "Telegram says 403, or 400 of several kinds, for some chats"
    return Scene(row(name, telegram.failed, len(talk.asked), findings), findings, fleet, talk)


async def revoked(folder: Path, method: str) -> Scene:
    """Telegram does not know the token any more, then it does again. The gateways have ended; a later one delivers."""
    async with stage(folder) as (fleet, talk), fleet.running(gateways=0):
        logs = [folder / f"gateway-{name}.log" for name in "abc"]
        gateways = [await fleet.start("gateway", NEVER, log) for log in logs[:2]]
        await _warm_up(talk)
        talk.telegram.fail(method, times=ALWAYS, status=401, description="Unauthorized")
        for _ in range(20):
            talk.burst()
        codes = [await ended(gateway) for gateway in gateways]
        told = [line for log in logs[:2] for line in log.read_text("utf-8").splitlines() if not line.startswith("{")]
        assert (codes, told) == ([2, 2], [REVOKED, REVOKED])
        talk.telegram.mend()
        later = await fleet.start("gateway", NEVER, logs[2])
        await talk.until_answered()
        later.terminate()
        await ended(later)
        findings = check(talk.asked, talk.telegram.sent, fleet.excuse())
    name = f"Telegram says 401 to {method}; the gateways stop, a later one delivers"
    return Scene(row(name, len(gateways), len(talk.asked), findings), findings, fleet, talk)


@contextlib.asynccontextmanager
async def _admin(fleet: Fleet) -> AsyncIterator[Redis]:
    redis = await connect(fleet.url)
    try:
        yield redis
    finally:
        await redis.aclose()


async def _warm_up(talk: Talk) -> None:
    """Returns when everything has worked once."""
    for _ in range(5):
        talk.burst()
    await talk.until_answered()


async def _talk_while(talk: Talk, harming: "asyncio.Task[Any]") -> None:
    while not harming.done():
        talk.listen()
        if len(talk.open) < IN_FLIGHT:
            talk.burst()
        await asyncio.sleep(0.1)


async def _for_a_while(work: Callable[[], Awaitable[Any]], seconds: float, *, every: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                await asyncio.shield(asyncio.ensure_future(work()))
                await asyncio.sleep(every)


async def _said(admin: Redis, error: str) -> int:
    """How often the server answered so."""
    return int((await admin.info("errorstats")).get(f"errorstat_{error}", {"count": 0})["count"])


def main() -> int:
    """Returns the exit code: 1 where the promise was broken."""
    chosen = options(__doc__)
    plays = [partial(refusing, name=name, harm=harm) for name, harm in REDIS.items()]
    plays += [
        partial(moody, seed=chosen.seed),
        undeliverable,
        partial(revoked, method="getUpdates"),
        partial(revoked, method="sendMessage"),
    ]
    scenes = [asyncio.run(play(scene)) for scene in plays]
    faults = [fault for scene in scenes for fault in [*scene.findings.faults, *scene.fleet.crashes]]
    return conclude(chosen, [scene.row for scene in scenes], faults)


if __name__ == "__main__":
    sys.exit(main())
