"""Of how many shards the mailbox is made: all processes must agree, or each would look for a chat elsewhere."""

from redis.asyncio import Redis

from bot.errors import SettingsError
from bot.mailbox.keys import Keys
from bot.mailbox.server import run_script


async def agree(redis: Redis, shards: int) -> None:
    """SettingsError if what stands in Redis lies in another number of shards than ours."""
    first = Keys(0)
    kept = int(await run_script(redis, "agree", [first.shards, first.founded, first.ready, first.members], [shards]))
    if kept != shards:
        raise SettingsError(
            f"MALBEOT_SHARDS: Redis holds {kept}, not {shards}; set it back, or stop all processes and run "
            f"`python -m bot reshard` with MALBEOT_SHARDS={shards}, which moves what is there"
        )
