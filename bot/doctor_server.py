"""The doctor's look at one server: is it new enough, does it write all down and delete nothing, is there room."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from functools import partial
from time import time
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from bot.findings import Finding, State, clock

OLDEST = (6, 2)  # version of Redis
UNSEEN = "not allowed to look"


async def look_at_server(server: Redis, *, replicas: int = 0) -> list[Finding]:
    """RedisError if it does not answer. `replicas`: how many must follow it, if it is no replica itself."""
    findings: list[Finding] = []
    for name, look in {"version": _version, "persistence": _persistence, "memory": _memory}.items():
        findings += await if_allowed(name, partial(look, server))
    findings += await if_allowed("replicas", partial(_replication, server, replicas))
    seconds, microseconds = await server.time()
    return [*findings, clock("Redis", seconds + microseconds / 1e6, time())]


async def if_allowed(name: str, look: Callable[[], Awaitable[Iterable[Finding]]]) -> Iterable[Finding]:
    """What it finds, or that our user may not look."""
    try:
        return await look()
    except ResponseError:  # or a provider has taken the command away
        return [Finding(f"Redis' {name}", UNSEEN)]


async def _version(server: Redis) -> list[Finding]:
    about = await server.info("server")
    return [judge_version(str(about.get("valkey_version") or about["redis_version"]), "valkey_version" in about)]


def judge_version(version: str, valkey: bool) -> Finding:
    """A release's number as INFO tells it."""
    old = tuple(int(part) for part in version.split(".")[:2]) < OLDEST
    mend = "use Redis 6.2 or later, or Valkey" if old else ""
    return Finding("Redis", f"{'Valkey' if valkey else 'Redis'} {version}", State.FAULT if old else State.SOUND, mend)


async def _persistence(server: Redis) -> list[Finding]:
    about = await server.info("persistence")
    if not about["aof_enabled"]:
        mend = "redis-cli config set appendonly yes, and the same in its file: else what waits is lost with the server"
        return [Finding("append-only file", "off", State.FAULT, mend)]
    if "err" in (about["aof_last_write_status"], about["aof_last_bgrewrite_status"]):
        mend = "look at the server's log and at its disk, which may be full"
        return [Finding("append-only file", "cannot be written", State.FAULT, mend)]
    findings = [Finding("append-only file", "on")]
    for finding in await if_allowed("fsync", partial(_fsync, server)):
        findings = [finding] if finding.found != UNSEEN else [replace(findings[0], found=f"on; how safe: {UNSEEN}")]
    return findings


async def _fsync(server: Redis) -> list[Finding]:
    often = (await server.config_get("appendfsync"))["appendfsync"]
    states = {"always": State.SOUND, "everysec": State.WARNING}
    lost = "the last second" if often == "everysec" else "the last half minute"
    mend = "" if often == "always" else f"redis-cli config set appendfsync always: else {lost} is lost in a power cut"
    return [Finding("append-only file", f"on, written out: {often}", states.get(str(often), State.FAULT), mend)]


async def _memory(server: Redis) -> list[Finding]:
    about: dict[str, Any] = await server.info("memory")
    used, most, policy = about["used_memory"], about["maxmemory"], about["maxmemory_policy"]
    share = used / most if most else 0.0
    state = State.FAULT if share > 0.95 else State.WARNING if share > 0.8 else State.SOUND
    findings = [
        Finding(
            "memory of Redis",
            f"{used / 2**20:.1f} MiB" + (f" of {most / 2**20:.1f} MiB" if most else ", no limit set"),
            state,
            "raise maxmemory, or lower MALBEOT_MAX_BACKLOG: a full server refuses messages" if state else "",
        )
    ]
    if policy != "noeviction":
        state = State.FAULT if most else State.WARNING
        mend = "redis-cli config set maxmemory-policy noeviction: else it deletes messages when it is full"
        findings.append(Finding("maxmemory-policy", policy, state, mend))
    return findings


async def _replication(server: Redis, wanted: int) -> list[Finding]:
    about: dict[str, Any] = await server.info("replication")
    if about["role"] == "slave":
        if about["master_link_status"] == "up":
            return []
        mend = "look at its log, and at the network between the two"
        return [Finding("replication", "it has lost its master", State.WARNING, mend)]
    following = [about[f"slave{number}"]["state"] for number in range(about["connected_slaves"])].count("online")
    if not wanted:
        return []
    if following >= wanted:
        return [Finding("replicas", f"{following}")]
    mend = (
        "start replicas, or lower MALBEOT_REPLICAS: else each message is held up for a second, and lost with the server"
    )
    return [Finding("replicas", f"{following}, where MALBEOT_REPLICAS is {wanted}", State.FAULT, mend)]
