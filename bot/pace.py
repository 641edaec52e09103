"""Telegram's limits on sending, kept by waiting."""

import asyncio

from bot.metrics import GatewayMetrics

# What Telegram documents: about one message a second in a chat, twenty a minute in a group, thirty a second in all.
PER_CHAT = 1.0  # seconds between messages
PER_GROUP = 3.0
OVERALL = 1 / 30
_MANY_CHATS = 1000


class Pace:
    """Says when the next message may go out. One object paces everything that a process sends with a token.

    python-telegram-bot's AIORateLimiter is no help here: in 22.8 any request that finishes lifts a halt.
    """

    def __init__(
        self,
        *,
        per_chat: float = PER_CHAT,
        per_group: float = PER_GROUP,
        overall: float = OVERALL,
        metrics: GatewayMetrics | None = None,
    ) -> None:
        self._per_chat = per_chat
        self._per_group = per_group
        self._overall = overall
        self._part = 1.0
        self._gate = asyncio.Lock()  # first come, first served
        self._free_at = 0.0  # all times are the event loop's
        self._chat_free_at: dict[int, float] = {}
        self._halted_until = 0.0
        self._metrics = metrics or GatewayMetrics()

    async def turn(self, chat: int) -> None:
        """Wait until a message may be sent to `chat`. A chat must wait for one turn at a time."""
        clock = asyncio.get_running_loop().time
        await asyncio.sleep(self._chat_free_at.get(chat, 0.0) - clock())
        async with self._gate:
            while (pause := max(self._free_at, self._halted_until) - clock()) > 0:  # noqa: ASYNC110 (a halt may grow)
                await asyncio.sleep(pause)
            self._free_at = clock() + self._overall / self._part
        if len(self._chat_free_at) >= _MANY_CHATS:
            self._chat_free_at = {other: at for other, at in self._chat_free_at.items() if at > clock()}
        self._chat_free_at[chat] = clock() + (self._per_group if chat < 0 else self._per_chat)

    def narrow(self, part: float) -> None:
        """Of what may be sent in all, so much is ours: the rest is sent by other processes."""
        self._part = part or 1.0  # with none of it nothing is sent anyway

    def halt(self, seconds: float) -> None:
        """Telegram said "retry after": nothing is sent for so long, to whichever chat."""
        self._metrics.told_to_wait.inc()
        self._halted_until = max(self._halted_until, asyncio.get_running_loop().time() + seconds)

    @property
    def halted(self) -> bool:
        return asyncio.get_running_loop().time() < self._halted_until
