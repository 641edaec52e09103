"""The mailbox: what stands in Redis between the gateway, the workers and the console."""

from bot.mailbox.dead import DeadLetters
from bot.mailbox.lease import Lease
from bot.mailbox.letters import Accepted, DeadLetter, Delivery, Exchange, Message, Reply, Turn, Worker
from bot.mailbox.mailbox import Mailbox
from bot.mailbox.outbox import Outbox

__all__ = [
    "Accepted",
    "DeadLetter",
    "DeadLetters",
    "Delivery",
    "Exchange",
    "Lease",
    "Mailbox",
    "Message",
    "Outbox",
    "Reply",
    "Turn",
    "Worker",
]
