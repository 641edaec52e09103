"""What passes through the mailbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from bot.address import Address


class Accepted(Enum):
    """What became of a message that was brought to the mailbox."""

    ACCEPTED = "accepted"
    DUPLICATE = "duplicate"  # this update was accepted, or told something instead, before; nothing changed
    BACKLOG_FULL = "backlog_full"  # too much waits in all; nothing changed, tell the user
    MAILBOX_FULL = "mailbox_full"  # too much of this chat waits; nothing changed, tell the user


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a user."""

    update_id: int | str  # unique within its channel; what duplicates are known by
    message_id: int | None
    text: str
    received_at: float  # seconds since the epoch

    @property
    def origin(self) -> str:
        """What its log lines are tied together by, from the gateway to the delivery."""
        return str(self.update_id)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A user's turn and the reply to it. The reply is raw: placeholders stand for the owner's and the bot's names."""

    user: str
    bot: str
    kind: str = "model"  # of the reply


@dataclass(frozen=True, slots=True)
class Turn:
    """A claimed turn: all that a chat's user has said and not been answered yet."""

    address: Address
    entry: str  # where the chat stands in the ready stream
    messages: tuple[Message, ...]  # at least one, oldest first
    history: tuple[Exchange, ...]  # oldest first
    tries: int  # which try this is, from 1

    @property
    def text(self) -> str:
        """The messages as the one user turn that the model sees."""
        return "\n".join(message.text for message in self.messages)

    @property
    def origins(self) -> tuple[str, ...]:
        """The updates that this turn answers."""
        return tuple(message.origin for message in self.messages)

    @property
    def suspect(self) -> bool:
        """A worker failed on this turn before: decode it alone, and after the others of its claim are committed."""
        return self.tries > 1


@dataclass(frozen=True, slots=True)
class Reply:
    """What a user is told."""

    # careful: the model's words with the help line after them; withheld: in place of words that may not leave
    kind: Literal["model", "careful", "crisis", "withheld", "apology", "fixed"]
    text: str  # as sent, names filled in
    raw: str | None = None  # as the history keeps it; None keeps nothing


@dataclass(frozen=True, slots=True)
class Delivery:
    """A reply in the outbox, to be sent and then acknowledged."""

    id: str
    address: Address
    text: str
    kind: str
    origins: tuple[str, ...]  # the updates that it answers
    reply_to: int | None  # the last of the messages that it answers
    committed_at: float  # seconds since the epoch
    received_at: float | None = None  # the first of the messages that it answers; earlier releases did not say


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A turn that was given up."""

    id: str
    address: Address
    messages: tuple[Message, ...]
    reason: str  # names a kind of fault, and quotes nobody
    tries: int
    buried_at: float  # seconds since the epoch

    @property
    def order(self) -> tuple[int, ...]:
        """What comes first by this was given up first; among a chat's letters, for sure."""
        return tuple(map(int, self.id.rpartition(":")[2].split("-")))


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker that gave a sign of life not long ago."""

    name: str
    info: Mapping[str, str]
