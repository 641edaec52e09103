"""How letters are written in Redis: JSON, by field name, with the number of the format.

A later release may add fields, and reads what earlier ones wrote. When it writes what an earlier one would
misunderstand, it raises FORMAT: then the earlier one refuses, wherever the two run beside each other.
"""

import json
from dataclasses import asdict
from typing import Any

from bot.address import Address
from bot.errors import NewerFormatError
from bot.mailbox.letters import DeadLetter, Delivery, Exchange, Message, Reply

FORMAT = 1


def _dump(fields: dict[str, Any]) -> str:
    # Without ASCII escapes: they would double the size of Korean.
    return json.dumps(fields | {"format": FORMAT}, ensure_ascii=False, separators=(",", ":"))


def _load(text: str) -> dict[str, Any]:
    fields: dict[str, Any] = json.loads(text)
    written = fields.get("format", 1)  # the first releases did not say
    if written > FORMAT:
        raise NewerFormatError(written, FORMAT)
    return fields


def write_message(message: Message) -> str:
    return _dump(asdict(message))


def read_message(text: str) -> Message:
    return _message(_load(text))


def _message(fields: dict[str, Any]) -> Message:
    return Message(fields["update_id"], fields["message_id"], fields["text"], fields["received_at"])


def write_exchange(exchange: Exchange) -> str:
    return _dump(asdict(exchange))


def read_exchange(text: str) -> Exchange:
    fields = _load(text)
    return Exchange(fields["user"], fields["bot"], fields.get("kind", "model"))  # none before crises were told apart


def write_reply(reply: Reply, messages: tuple[Message, ...], committed_at: float) -> str:
    return _dump(
        {
            "text": reply.text,
            "kind": reply.kind,
            "origins": [message.origin for message in messages],
            "reply_to": messages[-1].message_id,
            "committed_at": committed_at,
        }
    )


def read_delivery(entry: str, fields: dict[str, str]) -> Delivery:
    reply = _load(fields["reply"])
    return Delivery(
        id=entry,
        address=Address.parse(fields["address"]),
        text=reply["text"],
        kind=reply["kind"],
        origins=tuple(reply["origins"]),
        reply_to=reply["reply_to"],
        committed_at=reply["committed_at"],
    )


def write_dead_letter(messages: tuple[Message, ...], reason: str, tries: int, buried_at: float) -> str:
    return _dump(
        {
            "messages": [asdict(message) for message in messages],
            "reason": reason,
            "tries": tries,
            "buried_at": buried_at,
        }
    )


def read_dead_letter(entry: str, fields: dict[str, str]) -> DeadLetter:
    letter = _load(fields["letter"])
    return DeadLetter(
        id=entry,
        address=Address.parse(fields["address"]),
        messages=tuple(map(_message, letter["messages"])),
        reason=letter["reason"],
        tries=letter["tries"],
        buried_at=letter["buried_at"],
    )
