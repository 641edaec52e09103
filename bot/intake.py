"""What becomes of an update: into the mailbox, or answered at once."""

import time

import structlog
from redis.asyncio import Redis

from bot import texts
from bot.access import Access, Entry, free
from bot.address import Address
from bot.chat_action import Typing
from bot.commands import answer
from bot.crisis import speaks_of_crisis
from bot.delivery import CHANNEL
from bot.mailbox import Accepted, Bucket, Limits, Mailbox, Members, Message, Outbox, Passed, Reply
from bot.metrics import GatewayMetrics
from bot.settings import Settings
from bot.stats import Stats
from bot.update import Json, Me, Said, is_id, is_whole, read_update

# Seconds before the same is told once more: in general, to who is over the limit, and to who may not talk.
_REPEAT_AFTER = 10
_LIMITED_AFTER = 60
_REFUSED_AFTER = 3600
_MINUTE = 60.0
# Characters heard of each end of a text that is not taken in. Listening to 4,096 of them takes as long as a hundred
# ordinary updates, and nothing holds back a flood of those.
_HEARD = 500

log = structlog.get_logger()


class Intake:
    """Takes updates in; both ways of receiving them, polling and webhook, end here."""

    def __init__(
        self,
        me: Me,
        redis: Redis,
        settings: Settings,
        typing: Typing,
        metrics: GatewayMetrics | None = None,
        stats: Stats | None = None,
    ) -> None:
        self._me = me
        self._mailbox = Mailbox.of(redis, settings)
        self._outbox = Outbox.of(redis, settings)
        self._limits = Limits(redis, shards=settings.shards)
        self._access = Access(CHANNEL, Members(redis, shards=settings.shards), self._limits, settings)
        self._settings = settings
        self._typing = typing
        self._metrics = metrics or GatewayMetrics()
        self._stats = stats

    async def take(self, update: Json) -> None:
        """Once this returns, all that the update asks for is in Redis and it may be confirmed to Telegram.

        May be called again with the same update: it takes effect once. Raises RedisError, nothing else.
        """
        said = read_update(update, self._me)
        if said is None and not is_whole(update):
            self._metrics.updates.labels("malformed").inc()
            update_id = update.get("update_id")
            log.warning("malformed", origin=str(update_id) if is_id(update_id) else None)
            return
        if said is None or _for_another_bot(said):
            self._metrics.updates.labels("ignored").inc()
            log.debug("ignored", origin=str(update["update_id"]))
            return
        self._metrics.updates.labels(said.kind).inc()
        address = Address(CHANNEL, str(said.chat))
        message = Message(said.update_id, said.quote, said.content, time.time())
        if not free(said) and not await self._access.admits(said):
            await self._refuse(address, message, said)
            return
        match await self._limits.spend(address, message, self._buckets(address, said)):
            case Passed.TOLD:
                log.info(Accepted.DUPLICATE.value, origin=message.origin, chat=address)
                return
            case Passed.LIMITED:
                await self._hold_back(address, message, said)
                return
        match said.kind:
            case "text":
                await self._accept(address, message)
            case "command":
                await self._obey(address, message, said)
            case "media":
                await self._tell(address, message, "media-" + said.content, texts.media(said.content))
            case "call":
                await self._tell(address, message, "call", texts.CALLED)

    def _buckets(self, address: Address, said: Said) -> list[Bucket]:
        """A person's own, wherever they write, and in a group the group's."""
        rates = [(address, self._settings.user_rate if said.quote is None else self._settings.chat_rate)]
        if said.person not in (None, said.chat):
            rates.append((Address(CHANNEL, str(said.person)), self._settings.user_rate))
        return [Bucket("rate", owner, rate, _MINUTE) for owner, rate in rates if rate]

    async def _accept(self, address: Address, message: Message) -> None:
        accepted = await self._mailbox.accept(address, message)
        log.info(accepted.value, origin=message.origin, chat=address)
        if accepted in (Accepted.BACKLOG_FULL, Accepted.MAILBOX_FULL):
            self._metrics.refused(accepted.value)
        match accepted:
            case Accepted.ACCEPTED:
                self._metrics.accepted()
                self._typing.start(int(address.chat))
            case Accepted.BACKLOG_FULL | Accepted.MAILBOX_FULL if speaks_of_crisis(message.text):
                # Refused, but not left alone.
                await self._tell(address, message, "crisis", texts.CRISIS[0])
            case Accepted.BACKLOG_FULL:
                await self._tell(address, message, accepted.value, texts.BACKLOG_FULL)
            case Accepted.MAILBOX_FULL:
                await self._tell(address, message, accepted.value, texts.MAILBOX_FULL)

    async def _obey(self, address: Address, message: Message, said: Said) -> None:
        text = await answer(
            said.content,
            address=address,
            mailbox=self._mailbox,
            settings=self._settings,
            update_id=message.update_id,
        ) or await self._access.administer(said)
        shown = self._stats if said.content == "stats" and self._access.administers(said) else None
        text = await shown.today() if shown else text
        if said.content == "forget" and said.quote is None and self._settings.invite_code:
            text = text if await self._access.admits(said) else f"{text} {texts.CODE_FORGOTTEN}"
        posted = await self._outbox.post(address, Reply("fixed", text or texts.UNKNOWN_COMMAND), message=message)
        log.info(
            "command", name=said.content if text else "unknown", origin=message.origin, chat=address, posted=posted
        )
        if shown and posted:
            shown.show(said.chat)

    async def _refuse(self, address: Address, message: Message, said: Said) -> None:
        """Answer one who may not talk: nothing but this line, and seldom, unless they bring the invite code."""
        entry = Entry.NOT_ASKED
        if said.kind == "command" and said.content == "start":
            entry = await self._access.enter(said, message)
        log.info(
            "refused" if entry is Entry.NOT_ASKED else "invite_code", entry=entry, origin=message.origin, chat=address
        )
        if entry is not Entry.WELCOME:
            self._metrics.refused("not_allowed")
        match entry:
            case Entry.WELCOME:
                start = texts.start(self._settings.owner, self._settings.bot_name)
                await self._outbox.post(address, Reply("fixed", start), message=message)
            case Entry.WRONG:
                await self._outbox.post(address, Reply("fixed", texts.WRONG_CODE), message=message)
            case Entry.TOO_MANY:
                await self._tell(address, message, entry.value, texts.TOO_MANY_CODES, every=_REFUSED_AFTER)
            case Entry.NOT_ASKED if _heard(said):
                await self._tell(address, message, "crisis", texts.REFUSED_CRISIS, said=said)
            case Entry.NOT_ASKED:
                by_code = self._settings.invite_code is not None
                text = texts.refused(said.chat, by_code=by_code) if said.quote is None else texts.REFUSED_GROUP
                await self._tell(address, message, "refused", text, said=said, every=_REFUSED_AFTER)

    async def _hold_back(self, address: Address, message: Message, said: Said) -> None:
        """Answer one who is over the limit."""
        self._metrics.refused(Passed.LIMITED.value)
        log.info(Passed.LIMITED.value, origin=message.origin, chat=address)
        if _heard(said):
            await self._tell(address, message, "crisis", texts.CRISIS[0], said=said)
        else:
            await self._tell(address, message, "limited", texts.LIMITED, said=said, every=_LIMITED_AFTER)

    async def _tell(
        self,
        address: Address,
        message: Message,
        topic: str,
        text: str,
        *,
        said: Said | None = None,
        every: int = _REPEAT_AFTER,
    ) -> None:
        """Answer with a fixed text, unless the chat was just told so: an album of ten photos gets one answer.

        With `said` its person counts too: told in one group, they are not told in the next.
        """
        parties = {address}
        if said is not None and said.person is not None:
            parties.add(Address(CHANNEL, str(said.person)))
        reply = Reply("crisis" if topic == "crisis" else "fixed", text)
        told = await self._outbox.tell(
            address, reply, message=message, topic=topic, parties=sorted(parties), every=every
        )
        log.info("told" if told else "told_before", origin=message.origin, chat=address)


def _for_another_bot(said: Said) -> bool:
    """In a group a command that is none of ours may well be meant for another bot."""
    return said.kind == "command" and said.quote is not None and said.content not in texts.COMMANDS


def _heard(said: Said) -> bool:
    """Whether a text that is not taken in speaks of suicide."""
    text = said.content
    if len(text) > 2 * _HEARD:
        text = f"{text[:_HEARD]}\n{text[-_HEARD:]}"
    return said.kind == "text" and speaks_of_crisis(text)
