"""The mailbox: what stands in Redis between the gateway, the workers and the console."""

from bot.mailbox.dead import DeadLetters
from bot.mailbox.gateways import Gateways
from bot.mailbox.hours import Hour, Hours
from bot.mailbox.layout import agree
from bot.mailbox.lease import Lease
from bot.mailbox.letters import Accepted, DeadLetter, Delivery, Exchange, Message, Reply, Turn, Worker
from bot.mailbox.limits import Bucket, Limits, Passed
from bot.mailbox.mailbox import Mailbox
from bot.mailbox.members import Members
from bot.mailbox.move import reshard, signed_in
from bot.mailbox.outbox import Outbox

__all__ = [
    "Accepted",
    "Bucket",
    "DeadLetter",
    "DeadLetters",
    "Delivery",
    "Exchange",
    "Gateways",
    "Hour",
    "Hours",
    "Lease",
    "Limits",
    "Mailbox",
    "Members",
    "Message",
    "Outbox",
    "Passed",
    "Reply",
    "Turn",
    "Worker",
    "agree",
    "reshard",
    "signed_in",
]
