"""A client to a cluster that rides out what a single server's client does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis import exceptions
from redis.asyncio import ConnectionPool, Redis
from redis.asyncio.cluster import ClusterNode, PipelineCommand, RedisCluster
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bot.errors import ServerError
from bot.mailbox.keys import Shards
from bot.redis_address import RedisAddress
from bot.redis_connection import OPTIONS, cancellable, patient

_HOPS = 8  # from node to node, of one attempt


class Cluster(RedisCluster):
    """redis-py's client, with its pauses between attempts and its errors as those of a single server's.

    The library repeats a call at once, and so has used up its attempts long before a replica takes over, or a slot has
    moved; and what it raises while it finds no node is no RedisError, which the rest of the program rides out.
    """

    def __init__(self, address: RedisAddress) -> None:
        options: dict[str, Any] = {**OPTIONS, **parse_url(address.server)}
        secure = options.pop("connection_class", None) is SSLConnection
        del options["host"], options["port"]
        super().__init__(
            startup_nodes=[ClusterNode(host, port) for host, port in address.members],
            ssl=secure,
            retry=Retry(NoBackoff(), 0),
            require_full_coverage=False,  # a failover in one part is no reason to do without the others
            **options,
        )
        # Also of the nodes that will be found: they are made of these options.
        connection: Any = cancellable(self.connection_kwargs["connection_class"])
        self.connection_kwargs["connection_class"] = connection
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = connection
        self.commands_parser: Any = _FirstIsKey()
        self._patience = patient(exceptions.ClusterError)  # a part is down, or was on the move at each of many tries

    async def initialize(self, *arguments: Any, **options: Any) -> "Cluster":  # noqa: ANN401
        try:
            await super().initialize(*arguments, **options)
            return self
        except exceptions.RedisClusterException as error:
            found = error
        # What the last of the nodes said; or none said anything wrong, but none is of a cluster.
        if isinstance(found.__cause__, exceptions.RedisError):
            raise found.__cause__
        raise exceptions.ConnectionError(str(found)) from found

    async def aclose(self) -> None:
        self._initialize = False  # else the library would leave all open, if it was about to ask the nodes anew
        await super().aclose()

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        async def attempt() -> Any:  # noqa: ANN401
            try:
                return await super(Cluster, self).execute_command(*arguments, **options)
            except (exceptions.SlotNotCoveredError, KeyError) as error:  # the library means the same by both
                self._initialize = True  # ask the nodes anew
                raise exceptions.ClusterDownError(str(error)) from error

        return await self._patience.call_with_retry(attempt, _nothing)

    async def _execute_command(self, target_node: ClusterNode, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        """Go where a slot has moved to, or is moving to: by the library's way there ASKING and the command may take
        different connections, a node that holds no slot yet is none, and for some moves all connections are closed.
        """
        place: Any = _Place(target_node)
        for _ in range(_HOPS):
            try:
                return await super()._execute_command(place, *arguments, **options)
            except _ElsewhereError as elsewhere:
                where = elsewhere.error
            if isinstance(where, exceptions.MovedError):
                await self.nodes_manager.move_slot(where)
                place = _Place(self.nodes_manager.get_node_from_slot(where.slot_id))
            else:
                place = _Place(self._node(where.host, where.port), asking=True)
        raise exceptions.ClusterError("sent from node to node")

    def _node(self, host: str, port: int) -> ClusterNode:
        node = self.get_node(host, port)
        if node is None:
            node = ClusterNode(host, port, **self.connection_kwargs)
            self.nodes_manager.set_nodes(self.nodes_manager.nodes_cache, {node.name: node})
        return node

    async def _determine_slot(self, command: str, *arguments: Any) -> int:  # noqa: ANN401
        if command in ("XREAD", "XREADGROUP"):
            return self.keyslot(arguments[arguments.index(b"STREAMS") + 1])
        return int(await super()._determine_slot(command, *arguments))


class _FirstIsKey:
    """Which words of a command are keys: of all that are used here but have no rule above or in the library, the first.

    The library's own asks a node for a list of commands, before any call, and always the same one, dead or not.
    """

    async def initialize(self, node: ClusterNode) -> None: ...

    async def get_keys(self, _: str, *arguments: Any) -> list[Any]:  # noqa: ANN401
        return list(arguments[:1])


class _ElsewhereError(exceptions.ResponseError):
    """What a node said of a slot, kept from the library."""

    def __init__(self, error: exceptions.AskError) -> None:
        super().__init__(str(error))
        self.error = error


class _Place:
    """A node as the library uses it; each command goes with ASKING before it, if `asking`."""

    def __init__(self, node: ClusterNode, *, asking: bool = False) -> None:
        self._node = node
        self._asking = asking

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._node, name)

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        try:
            options.pop("asking", None)  # the library's, for a command that nobody here uses
            if not self._asking:
                return await self._node.execute_command(*arguments, **options)
            both = [PipelineCommand(0, "ASKING"), PipelineCommand(1, *arguments, **options)]
            await self._node.execute_pipeline(both)
            for command in both:
                if isinstance(command.result, Exception):
                    raise command.result
            return both[1].result
        except exceptions.AskError as error:  # of which MovedError is one
            raise _ElsewhereError(error) from error


@asynccontextmanager
async def master_of(redis: Redis, key: str) -> AsyncIterator[Redis]:
    """A client to the one server where the key is: `redis` itself, or a cluster's master, which has transactions.

    The library's own for a cluster start a thread for each command. A slot that moves meanwhile is a RedisError here.
    """
    if not isinstance(redis, RedisCluster):
        yield redis
        return
    try:
        node = redis.get_node_from_key(key)
    except exceptions.SlotNotCoveredError as error:
        raise exceptions.ClusterDownError(str(error)) from error
    async with client_of(node, retry=patient()) as master:
        yield master


async def check_settled(redis: Redis, shards: int) -> None:
    """ServerError if a shard's slot is on the move, or moved since the client was made: SCAN may not find all in it."""
    for keys in Shards(shards).all:
        nothing = f"{keys.prefix}nothing"  # of a key that is not there, who gives its slot away says ASK
        async with master_of(redis, nothing) as master:
            try:
                await master.exists(nothing)
            except exceptions.AskError:
                raise ServerError("a slot of the cluster is on the move: try again when it has moved") from None


@asynccontextmanager
async def client_of(node: ClusterNode, *, retry: Retry) -> AsyncIterator[Redis]:
    """A client to one node alone."""
    options = node.connection_kwargs | {"retry": retry}
    client = Redis.from_pool(ConnectionPool(connection_class=node.connection_class, **options))
    try:
        yield client
    finally:
        await client.aclose()


async def _nothing(_: Exception) -> None:
    pass
