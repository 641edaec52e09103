"""How letters are written in Redis: JSON, by field name, so that a later release may add fields."""

import json
from dataclasses import asdict
from typing import Any

from bot.address import Address
from bot.mailbox.letters import DeadLetter, Delivery, Exchange, Message, Reply


def _dump(value: Any) -> str:  # noqa: ANN401
    # Without ASCII escapes: they would double the size of Korean.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def write_message(message: Message) -> str:
    return _dump(asdict(message))


def read_message(text: str) -> Message:
    return _message(json.loads(text))


def _message(fields: dict[str, Any]) -> Message:
    return Message(fields["update_id"], fields["message_id"], fields["text"], fields["received_at"])


def write_exchange(exchange: Exchange) -> str:
    return _dump(asdict(exchange))


def read_exchange(text: str) -> Exchange:
    fields = json.loads(text)
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
    reply = json.loads(fields["reply"])
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
    letter = json.loads(fields["letter"])
    return DeadLetter(
        id=entry,
        address=Address.parse(fields["address"]),
        messages=tuple(map(_message, letter["messages"])),
        reason=letter["reason"],
        tries=letter["tries"],
        buried_at=letter["buried_at"],
    )
