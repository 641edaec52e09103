"""A client to a cluster that rides out what a single server's client does."""

from typing import Any

from redis import exceptions
from redis.asyncio.cluster import ClusterNode, PipelineCommand, RedisCluster
from redis.asyncio.connection import SSLConnection, parse_url
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from bot.redis_address import RedisAddress
from bot.redis_connection import OPTIONS, cancellable, patient


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
            reinitialize_steps=0,  # nor is a slot that moved one to close all connections: where it went, MOVED says
            **options,
        )
        # Also of the nodes that will be found: they are made of these options.
        connection: Any = cancellable(self.connection_kwargs["connection_class"])
        self.connection_kwargs["connection_class"] = connection
        for node in self.nodes_manager.startup_nodes.values():
            node.connection_class = connection
        self._patience = patient(exceptions.ClusterError)  # the slot is down, or was on the move at each attempt

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

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401
        async def attempt() -> Any:  # noqa: ANN401
            try:
                return await super(Cluster, self).execute_command(*arguments, **options)
            except exceptions.SlotNotCoveredError as error:
                self._initialize = True  # ask the nodes anew
                raise exceptions.ClusterDownError(str(error)) from error

        return await self._patience.call_with_retry(attempt, _nothing)

    def get_node(self, host: str | None = None, port: int | None = None, node_name: str | None = None) -> Any:  # noqa: ANN401
        """The library asks for a node by its name when another said ASK; see `_Asked`."""
        if node_name is None:
            return super().get_node(host, port)
        node = super().get_node(node_name=node_name)
        if node is None:  # it holds no slots yet
            host, _, number = node_name.rpartition(":")
            node = ClusterNode(host, int(number), **self.connection_kwargs)
            self.nodes_manager.set_nodes(self.nodes_manager.nodes_cache, {node_name: node})
        return _Asked(node)

    async def _determine_slot(self, command: str, *arguments: Any) -> int:  # noqa: ANN401
        # At each read the library would ask a node which of the words is the key; and always the same one, dead or not.
        if command in ("XREAD", "XREADGROUP"):
            return self.keyslot(arguments[arguments.index(b"STREAMS") + 1])
        return int(await super()._determine_slot(command, *arguments))


class _Asked:
    """A node that a slot is moving to, as the library uses it: each command goes with ASKING before it.

    The library sends ASKING by itself, on whatever connection is free, and the command perhaps on another.
    """

    def __init__(self, node: ClusterNode) -> None:
        self._node = node

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._node, name)

    async def execute_command(self, *arguments: Any, asking: bool = False, **options: Any) -> Any:  # noqa: ANN401, ARG002
        if arguments == ("ASKING",):
            return None
        both = [PipelineCommand(0, "ASKING"), PipelineCommand(1, *arguments, **options)]
        await self._node.execute_pipeline(both)
        for command in both:
            if isinstance(command.result, Exception):
                raise command.result
        return both[1].result


async def _nothing(_: Exception) -> None:
    pass
