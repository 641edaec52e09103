"""Who was told what: every message that users sent beside every reply that reached them.

A message carries its number (`#17 안녕`), and whoever answers says the numbers that it answers (`#17#18`), so a reply
can be told apart from every other and followed back to what it is about, whatever was killed in between.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from tests.telegram_api import Sent

CONTEXT = "←"  # in a reply: numbers of the chat's earlier messages, as the engine saw them, follow

_NUMBER = re.compile(r"#(\d+)")


@dataclass(frozen=True)
class Asked:
    """A message of a user; `at` is monotonic time in seconds."""

    chat: int
    number: int  # unique over all chats, and growing
    at: float


@dataclass(frozen=True)
class Fault:
    """One breach of the promise.

    lost: no reply is about the message. duplicated: a reply came again, or a second reply is about the same message.
    reordered: a reply came after one about later messages of its chat. crossed: a reply, or what the engine saw before
    it, is about another chat's message. foreign: a reply is about no message at all.
    """

    kind: Literal["lost", "duplicated", "reordered", "crossed", "foreign"]
    chat: int
    number: int  # of the message; 0 where there is none

    def __str__(self) -> str:
        return f"{self.kind}: message {self.number} of chat {self.chat}"


@dataclass(frozen=True)
class Findings:
    """What a run showed."""

    faults: list[Fault] = field(default_factory=list)
    excused: int = 0  # replies that came again and may have
    waits: dict[int, float] = field(default_factory=dict)  # seconds from a message to its first reply, by number

    def count(self, kind: str) -> int:
        return sum(fault.kind == kind for fault in self.faults)

    @property
    def longest_wait(self) -> float:
        return max(self.waits.values(), default=0.0)


def marked(number: int, text: str) -> str:
    """The text as a user sends it."""
    return f"#{number} {text}"


def numbers(text: str) -> list[int]:
    """Which messages the text is about, in its order."""
    return [int(number) for number in _NUMBER.findall(text.partition(CONTEXT)[0])]


def context(text: str) -> list[int]:
    """Which earlier messages the engine saw."""
    return [int(number) for number in _NUMBER.findall(text.partition(CONTEXT)[2])]


def check(
    asked: Iterable[Asked], sent: Iterable[Sent], may_repeat: Callable[[Sent, Sent], bool] = lambda _, __: False
) -> Findings:
    """Hold what was sent against what was asked.

    A reply that came again, right after itself and word for word, is excused if `may_repeat(first, again)` says so.
    """
    questions = {question.number: question for question in asked}
    faults: list[Fault] = []
    excused = 0
    waits: dict[int, float] = {}
    last: dict[int, Sent] = {}  # by chat
    latest: dict[int, int] = defaultdict(int)  # by chat: the highest number answered
    for reply in sent:
        before, last[reply.chat] = last.get(reply.chat), reply
        about = numbers(reply.text)
        if not about:
            faults.append(Fault("foreign", reply.chat, 0))
            continue
        for number in about + context(reply.text):
            question = questions.get(number)
            if question is None:
                faults.append(Fault("foreign", reply.chat, number))
            elif question.chat != reply.chat:
                faults.append(Fault("crossed", reply.chat, number))
        again = before is not None and before.text == reply.text
        if before is not None and again and may_repeat(before, reply):
            excused += 1
            continue
        for number in about:
            question = questions.get(number)
            if question is None or question.chat != reply.chat:
                continue
            if number in waits:
                faults.append(Fault("duplicated", reply.chat, number))
            else:
                waits[number] = reply.at - question.at
            if number < latest[reply.chat] and not again:
                faults.append(Fault("reordered", reply.chat, number))
            latest[reply.chat] = max(latest[reply.chat], number)
    faults += [
        Fault("lost", question.chat, question.number) for question in questions.values() if question.number not in waits
    ]
    return Findings(faults, excused, waits)
