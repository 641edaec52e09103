"""What a user did, read from one of Telegram's updates.

Updates are read as the plain JSON that they are: whatever shape one has, it never stops the receiver.
"""

import re
from dataclasses import dataclass
from typing import Any, Literal, TypeGuard

Json = dict[str, Any]

# Contents that a person sends. What else stands in a message (joins, pins, titles) is told by Telegram, not said by
# a user, and gets no answer.
MEDIA = (
    "photo", "sticker", "voice", "audio", "video_note", "animation", "video", "document", "location", "venue",
    "contact", "poll", "dice", "story", "game", "paid_media", "checklist", "live_photo",
)  # fmt: skip
_COMMAND = re.compile(r"/([A-Za-z0-9_]{1,32})(?:@([A-Za-z0-9_]+))?(?=\s|$)")


@dataclass(frozen=True)
class Me:
    """The bot's own account."""

    id: int
    username: str


@dataclass(frozen=True)
class Said:
    """Something that asks for an answer."""

    update_id: int
    chat: int
    kind: Literal["text", "command", "media", "call"]  # a call is our name with nothing else
    content: str  # the text; the command's name in lower case; the kind of media; nothing
    quote: int | None  # the message that an answer quotes; None in private chats, where there is no doubt
    sender: int | None = None  # who said it in a group: a user, or the chat for which an anonymous admin speaks
    argument: str = ""  # what stands behind a command

    @property
    def person(self) -> int | None:
        """Who said it; None where Telegram does not tell. In a private chat the chat is the person."""
        return self.chat if self.quote is None else self.sender


def is_id(value: object) -> TypeGuard[int]:
    """Whether `value` can be an id of Telegram's, which have 64 bits at most; and true is no 1 here."""
    return type(value) is int and -(2**63) <= value < 2**63


def is_whole(update: Json) -> bool:
    """Whether an update has what every one has, and its message what every message has."""
    match update:
        case {"message": None}:
            return is_id(update.get("update_id"))
        case {"message": {"message_id": message_id, "chat": {"id": chat, "type": str()}}}:
            return is_id(update.get("update_id")) and is_id(message_id) and is_id(chat)
    return "message" not in update and is_id(update.get("update_id"))


def read_update(update: Json, me: Me) -> Said | None:
    """What was said to the bot, if anything.

    In private chats everything is; in groups what mentions it, replies to it or is a command for it. Edits, channel
    posts, reactions, other bots' messages and whatever else Telegram may report are not.
    """
    message = update.get("message")
    if message is None or not is_whole(update) or _from_bot(message):
        return None
    update_id, message_id, chat = update["update_id"], message["message_id"], message["chat"]["id"]
    place = message["chat"]["type"]
    if place not in ("private", "group", "supergroup"):
        return None
    private = place == "private"

    def said(kind: Literal["text", "command", "media", "call"], content: str, argument: str = "") -> Said:
        quote, sender = (None, None) if private else (message_id, _sender(message))
        return Said(update_id, chat, kind, content, quote, sender, argument)

    text = message.get("text")
    if isinstance(text, str):
        text = _readable(text)
        if command := _COMMAND.match(text):
            name, addressee = command.groups()
            if addressee is None or addressee.lower() == me.username.lower():
                return said("command", name.lower(), text[command.end() :].strip())
            return None
        mention = _mention(me)
        if private or mention.search(text) or _replies_to(message, me):
            text = mention.sub("", text).strip()
            return said("text", text) if text else said("call", "")
        return None

    medium = next((kind for kind in MEDIA if kind in message), None)
    caption = message.get("caption")
    mentioned = isinstance(caption, str) and _mention(me).search(caption)
    if medium and (private or mentioned or _replies_to(message, me)):
        return said("media", medium)
    return None


def _from_bot(message: Json) -> bool:
    # An anonymous group admin looks like a bot too, but speaks on behalf of the chat.
    match message:
        case {"from": {"is_bot": True}}:
            return "sender_chat" not in message
    return False


def _sender(message: Json) -> int | None:
    match message:
        case {"sender_chat": {"id": sender}} | {"from": {"id": sender}} if is_id(sender):
            return sender
    return None


def _replies_to(message: Json, me: Me) -> bool:
    match message:
        case {"reply_to_message": {"from": {"id": int(author)}}}:
            return author == me.id
    return False


def _mention(me: Me) -> re.Pattern[str]:
    return re.compile(rf"@{re.escape(me.username)}(?![A-Za-z0-9_])", re.IGNORECASE)


def _readable(text: str) -> str:
    # JSON can spell half a surrogate pair, which UTF-8, and so Redis, can't hold.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
