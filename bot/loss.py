"""A server that came back empty has lost what users said and were not answered: those whom we know are told."""

import asyncio
import time
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


async def tell_of_losses(mailbox: Mailbox, outbox: Outbox, typing: Typing) -> None:
    """Watch the server until cancelled; once it is another than before, ask those who wait to say it again.

    Best effort: this process knows whom it took a message of and sent no reply since; each gateway tells its own. Who
    was answered meanwhile by another gateway is asked in vain, so the text leaves it open.
    """
    known: dict[int, str] = {}
    while True:
        for shard in range(mailbox.shards):
            with suppress(RedisError):
                founded = await mailbox.founded(shard)
                if known.get(shard, founded) != founded:
                    waiting = [Address(CHANNEL, str(chat)) for chat in typing.waiting()]
                    lost = mailbox.in_shard(shard, waiting)
                    log.error("server_came_back_empty", waiting=len(lost))
                    for address in lost:
                        await _tell(outbox, address)
                        typing.stop(int(address.chat))
                known[shard] = founded
        await asyncio.sleep(_EVERY)


async def _tell(outbox: Outbox, address: Address) -> None:
    message = Message(f"lost-{token_hex(8)}", None, "", time.time())
    await outbox.post(address, Reply("fixed", texts.LOST), message=message)
