"""Where a conversation takes place."""

import hashlib
import re
from dataclasses import dataclass

_CHANNEL = re.compile(r"[a-z0-9-]{1,32}", re.ASCII)
_CHAT = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


@dataclass(frozen=True, order=True, slots=True)
class Address:
    """One chat of one channel, written `telegram/12345` or `console-local/0`.

    Replies leave by the channel's outbox. The text form is for keys in Redis; logs show `pseudonym` instead,
    which `bot.logs` sees to for every Address among a log line's values.
    """

    channel: str
    chat: str

    def __post_init__(self) -> None:
        if not _CHANNEL.fullmatch(self.channel) or not _CHAT.fullmatch(self.chat):
            raise ValueError("an address is channel/chat, of ASCII letters, digits and hyphens")

    def __str__(self) -> str:
        return f"{self.channel}/{self.chat}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read the text form back; ValueError if it is none."""
        channel, _, chat = text.partition("/")
        return cls(channel, chat)


def pseudonym(address: Address, key: bytes) -> str:
    """A short tag that tells chats apart and leads back to none, as long as the key stays secret."""
    return hashlib.blake2b(str(address).encode(), key=key, digest_size=5).hexdigest()
