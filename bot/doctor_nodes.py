"""The doctor's look at more than one server: a cluster's nodes, or what sentinels watch and the sentinels themselves.

A server with which all is well is one row; each fault is one of its own.
"""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from redis.asyncio import Redis, RedisCluster
from redis.asyncio.cluster import ClusterNode
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from bot.doctor_server import UNSEEN, if_allowed, look_at_server
from bot.findings import Finding, State
from bot.mailbox.keys import Shards
from bot.redis_address import RedisAddress
from bot.redis_cluster import client_of
from bot.redis_sentinel import one_sentinel, one_server
from bot.settings import Settings

_SLOTS = 16384
_PATIENCE = 10.0  # seconds for one server


# A cluster


async def look_at_cluster(cluster: RedisCluster, settings: Settings) -> list[Finding]:
    """Every node that holds slots, or a replica of them; and whether all slots are held."""
    homes: dict[str, list[int]] = {}  # of each node's name, the shards
    homeless: list[int] = []
    slots = {keys.shard: cluster.keyslot(keys.prefix) for keys in Shards(settings.shards).all}
    held = cluster.nodes_manager.slots_cache
    for shard, slot in slots.items():
        if slot in held:
            homes.setdefault(held[slot][0].name, []).append(shard)
        else:
            homeless.append(shard)
    masters = {nodes[0].name for nodes in held.values()}
    findings = [_coverage(len(held), homeless, masters)]
    findings += _spread(len(masters), settings)
    nodes = sorted(cluster.get_nodes(), key=lambda node: (node.name not in masters, node.name))

    async def look(node: ClusterNode) -> list[Finding]:
        parts = homes.get(node.name, [])
        role = "master" if node.name in masters else "replica"
        if parts:
            role += f" of {_named(parts)}"
        moving = {slots[shard]: shard for shard in parts}
        return await _look_at_node(node, role, moving, settings)

    return [*findings, *(finding for part in await asyncio.gather(*map(look, nodes)) for finding in part)]


def _coverage(held: int, homeless: list[int], masters: Iterable[str]) -> Finding:
    if held == _SLOTS:
        return Finding("cluster", f"all {_SLOTS} slots are held")
    lies = f", {_named(homeless)} among them" if homeless else ""
    mend = f"redis-cli --cluster fix {min(masters)}: what lies there stands still"
    return Finding("cluster", f"{_SLOTS - held} slots are held by nobody{lies}", State.FAULT, mend)


def _spread(masters: int, settings: Settings) -> Iterator[Finding]:
    if settings.shards < masters:
        mend = f"stop all, then MALBEOT_SHARDS={4 * masters} and python -m bot reshard: else some masters stand idle"
        yield Finding("shards", f"{settings.shards} on {masters} masters", State.WARNING, mend)


def _named(shards: list[int]) -> str:
    return f"shard{'s' * (len(shards) > 1)} {', '.join(map(str, shards))}"


async def _look_at_node(node: ClusterNode, role: str, moving: dict[int, int], settings: Settings) -> list[Finding]:
    mend = "start it again; if it runs, see that the address by which the cluster knows it can be reached from here"

    async def look() -> list[Finding]:
        async with client_of(node, retry=Retry(NoBackoff(), 0)) as server:
            return [
                *await look_at_server(server, replicas=settings.replicas),
                *await if_allowed("state", partial(_cluster_state, server, node.name)),
                *await if_allowed("slots", partial(_moves, server, node.name, moving)),
            ]

    return await _whole(node.name, role, look(), mend)


async def _cluster_state(server: Redis, name: str) -> list[Finding]:
    about: Any = await server.cluster("INFO")
    if about["cluster_state"] == "ok":
        return []
    mend = f"redis-cli --cluster check {name}: it answers nobody until it sees the others, and all slots held"
    return [Finding("state", str(about["cluster_state"]), State.FAULT, mend)]


async def _moves(server: Redis, name: str, ours: dict[int, int]) -> list[Finding]:
    known: Any = await server.cluster("NODES")
    migrations = next(each["migrations"] for each in known.values() if "myself" in each["flags"])
    moving = [ours[slot] for slot in (int(each["slot"]) for each in migrations) if slot in ours]
    if not moving:
        return []
    mend = f"wait until it is done; if nobody is moving it: redis-cli --cluster fix {name}"
    return [Finding("slots", f"{_named(moving)} is on the move", State.WARNING, mend)]


# Sentinels


@dataclass(frozen=True)
class _View:
    """What one sentinel sees."""

    master: tuple[str, int]
    quorum: int
    enough: bool  # sentinels within its sight, to agree on another master
    replicas: tuple[tuple[str, int], ...]
    alive: int  # of the replicas


async def look_at_watched(address: RedisAddress, settings: Settings) -> tuple[bool, list[Finding]]:
    """The sentinels that the address names, the master and its replicas; of these only if a sentinel names them."""
    views = await asyncio.gather(*(_view(address, *member) for member in address.members))
    seen = [view for view in views if isinstance(view, _View)]
    findings = [view for view in views if isinstance(view, Finding)]
    if not seen:
        return False, findings
    findings += _agreement(seen)
    mend = "start it again; if it runs, see that the address by which the sentinels know it can be reached from here"

    async def look(role: str, host: str, port: int) -> list[Finding]:
        async def all_of_it() -> list[Finding]:
            async with one_server(address, host, port) as server:
                return await look_at_server(server, replicas=settings.replicas)

        return await _whole(f"{host}:{port}", role, all_of_it(), mend)

    roles = [("master", seen[0].master), *(("replica", place) for place in seen[0].replicas)]
    parts = await asyncio.gather(*(look(role, *place) for role, place in roles))
    return True, [*findings, *(finding for part in parts for finding in part)]


async def _view(address: RedisAddress, host: str, port: int) -> _View | Finding:
    what = f"sentinel {host}:{port}"
    try:
        async with asyncio.timeout(_PATIENCE), one_sentinel(address, host, port) as sentinel:
            masters: Any = await sentinel.sentinel_masters()
            master = masters[address.service]
            replicas = await sentinel.sentinel_slaves(address.service)
            try:
                await sentinel.sentinel_ckquorum(address.service)
                enough = True
            except ResponseError as error:
                if "NOQUORUM" not in str(error):
                    raise
                enough = False
    except NoPermissionError:
        return Finding(what, UNSEEN)
    except KeyError:
        mend = "let it watch the same as the others, or take it out of MALBEOT_REDIS_URL"
        return Finding(what, f"does not watch {address.service}", State.WARNING, mend)
    except (RedisError, OSError, TimeoutError) as error:
        mend = "start it again, and see that it can be reached from here"
        return Finding(what, f"does not answer ({type(error).__name__})", State.WARNING, mend)
    return _View(
        master=(str(master["ip"]), int(master["port"])),
        quorum=int(master["quorum"]),
        enough=enough,
        replicas=tuple((str(each["ip"]), int(each["port"])) for each in replicas),
        alive=sum(not each["is_sdown"] and not each["is_disconnected"] for each in replicas),
    )


def _agreement(seen: list[_View]) -> Iterator[Finding]:
    masters = sorted({f"{host}:{port}" for host, port in (view.master for view in seen)})
    if len(masters) > 1:
        mend = "ask again in half a minute; if they still do: redis-cli -p 26379 sentinel reset, one after the other"
        yield Finding("sentinels", f"disagree who is master: {' or '.join(masters)}", State.FAULT, mend)
    elif not all(view.enough for view in seen):
        mend = "start those that are away, and see that they reach each other: else none can name another master"
        yield Finding("sentinels", "too few to agree on anything", State.FAULT, mend)
    else:
        yield Finding("sentinels", f"{len(seen)} answer, {seen[0].quorum} must agree")
    if not seen[0].alive:
        found = "none is alive" if seen[0].replicas else "none follows the master"
        yield Finding("replicas", found, State.WARNING, "start one: else nobody can take a dead master's place")


# Any of them


async def _whole(name: str, role: str, looking: Awaitable[list[Finding]], mend: str) -> list[Finding]:
    try:
        async with asyncio.timeout(_PATIENCE):
            findings = await looking
    except (RedisError, OSError, TimeoutError) as error:
        state = State.FAULT if role.startswith("master") else State.WARNING
        return [Finding(name, f"{role}: does not answer ({type(error).__name__})", state, mend)]
    sound = [_short(finding) for finding in findings if finding.state is State.SOUND]
    faults = [replace(finding, what=f"{_thing(finding)} of {name}") for finding in findings if finding.state]
    return [Finding(name, "; ".join([role, *sound])), *faults]


def _short(finding: Finding) -> str:
    return finding.found if finding.what == "Redis" else f"{_thing(finding)}: {finding.found}"


def _thing(finding: Finding) -> str:
    return finding.what.removesuffix(" of Redis").removeprefix("Redis' ")
