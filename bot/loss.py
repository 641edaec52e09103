"""A server that came back empty has lost what users said and were not answered: those whom we know are told."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from secrets import token_hex

import structlog
from redis.exceptions import RedisError

from bot import texts
from bot.address import Address
from bot.chat_action import Typing
from bot.delivery import CHANNEL
from bot.mailbox import Mailbox, Message, Outbox, Reply

_EVERY = 2.0  # seconds between looks

log = structlog.get_logger()


async def foundations(mailbox: Mailbox) -> dict[int, str]:
    """By what each shard is known again; to be asked before anything is accepted. One that is away is left out."""

    async def look(shard: int) -> tuple[int, str] | None:
        with suppress(RedisError):
            return shard, await mailbox.founded(shard)
        return None

    return dict(filter(None, await asyncio.gather(*map(look, range(mailbox.shards)))))


async def tell_of_losses(mailbox: Mailbox, outbox: Outbox, typing: Typing, known: Mapping[int, str]) -> None:
    """Watch the server until cancelled; once it is another than `known`, ask those who wait to say it again.

    Best effort: this process knows whom it took a message of and sent no reply since; each gateway tells its own. Who
    was answered meanwhile by another gateway is asked in vain, so the text leaves it open.
    """
    known = dict(known)
    asked: dict[int, float] = {}  # by shard: when first without an answer, on the loop's clock
    while True:
        for shard in range(mailbox.shards):
            began = asked.setdefault(shard, asyncio.get_running_loop().time())
            with suppress(RedisError):
                founded = await mailbox.founded(shard)
                if known.get(shard, founded) != founded:
                    # What came while we asked in vain came after the loss, and is answered.
                    waiting = [Address(CHANNEL, str(chat)) for chat in typing.waiting(before=began)]
                    lost = mailbox.in_shard(shard, waiting)
                    log.error("server_came_back_empty", waiting=len(lost))
                    for address in lost:
                        await _tell(outbox, address)
                        typing.stop(int(address.chat))
                known[shard] = founded
                del asked[shard]
        await asyncio.sleep(_EVERY)


async def _tell(outbox: Outbox, address: Address) -> None:
    message = Message(f"lost-{token_hex(8)}", None, "", time.time())
    await outbox.post(address, Reply("fixed", texts.LOST), message=message)
