"""What becomes of an update: into the mailbox, or answered at once."""

import time

import structlog

from bot import texts
from bot.address import Address
from bot.chat_action import Typing
from bot.commands import answer
from bot.crisis import speaks_of_crisis
from bot.delivery import CHANNEL
from bot.mailbox import Accepted, Mailbox, Message, Outbox, Reply
from bot.settings import Settings
from bot.update import Json, Me, Said, is_id, is_whole, read_update

_REPEAT_AFTER = 10.0  # seconds before a chat is told the same once more
_REMEMBERED = 1000

log = structlog.get_logger()


class Intake:
    """Takes updates in; both ways of receiving them, polling and webhook, end here."""

    def __init__(self, me: Me, mailbox: Mailbox, outbox: Outbox, settings: Settings, typing: Typing) -> None:
        self._me = me
        self._mailbox = mailbox
        self._outbox = outbox
        self._settings = settings
        self._typing = typing
        self._told: dict[tuple[int, str], float] = {}  # by chat and text, in the order of being told

    async def take(self, update: Json) -> None:
        """Once this returns, all that the update asks for is in Redis and it may be confirmed to Telegram.

        May be called again with the same update: it takes effect once. Raises RedisError, nothing else.
        """
        said = read_update(update, self._me)
        if said is None:
            if is_whole(update):
                log.debug("ignored", origin=str(update["update_id"]))
            else:
                update_id = update.get("update_id")
                log.warning("malformed", origin=str(update_id) if is_id(update_id) else None)
            return
        address = Address(CHANNEL, str(said.chat))
        message = Message(said.update_id, said.quote, said.content, time.time())
        match said.kind:
            case "text":
                await self._accept(address, message, said)
            case "command":
                await self._obey(address, message, said)
            case "media":
                await self._tell(address, message, said, texts.media(said.content))
            case "call":
                await self._tell(address, message, said, texts.CALLED)

    async def _accept(self, address: Address, message: Message, said: Said) -> None:
        accepted = await self._mailbox.accept(address, message)
        log.info(accepted.value, origin=message.origin, chat=address)
        match accepted:
            case Accepted.ACCEPTED:
                self._typing.start(said.chat)
            case Accepted.BACKLOG_FULL | Accepted.MAILBOX_FULL if speaks_of_crisis(message.text):
                # Refused, but not left alone.
                await self._outbox.post(address, Reply("crisis", texts.CRISIS[0]), message=message)
            case Accepted.BACKLOG_FULL:
                await self._tell(address, message, said, texts.BACKLOG_FULL)
            case Accepted.MAILBOX_FULL:
                await self._tell(address, message, said, texts.MAILBOX_FULL)

    async def _obey(self, address: Address, message: Message, said: Said) -> None:
        text = await answer(
            said.content,
            address=address,
            mailbox=self._mailbox,
            settings=self._settings,
            update_id=message.update_id,
        )
        if text is None and said.quote is not None:
            log.debug("ignored", origin=message.origin)  # in a group it may well be meant for another bot
            return
        posted = await self._outbox.post(address, Reply("fixed", text or texts.UNKNOWN_COMMAND), message=message)
        log.info(
            "command", name=said.content if text else "unknown", origin=message.origin, chat=address, posted=posted
        )

    async def _tell(self, address: Address, message: Message, said: Said, text: str) -> None:
        """Answer with a fixed text, unless the chat was just told so: an album of ten photos gets one answer."""
        now = time.monotonic()
        if now - self._told.get((said.chat, text), -_REPEAT_AFTER) < _REPEAT_AFTER:
            log.info("told_before", origin=message.origin, chat=address)
            return
        await self._outbox.post(address, Reply("fixed", text), message=message)
        self._told.pop((said.chat, text), None)
        self._told[said.chat, text] = now
        if len(self._told) > _REMEMBERED:
            del self._told[next(iter(self._told))]
        log.info("told", origin=message.origin, chat=address)
