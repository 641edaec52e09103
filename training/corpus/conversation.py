"""The one form that every corpus is read into."""

from dataclasses import dataclass, replace

_LONGEST_LINE = 600  # characters of an error's message


class CorpusError(ValueError):
    """A corpus file that cannot be read; the message is one line and names the file and line."""

    def __init__(self, message: str) -> None:
        # It may quote a stranger's file: of any length, with line breaks, with commands to a terminal.
        line = "".join(c if c.isprintable() else " " for c in message)
        super().__init__(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…")


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """Turns ``(user, bot, user, bot, …)``, and what must never be parted.

    ``group`` names what goes to training, validation or test as a whole: a family, a dialogue or several that tell one
    story, or all pairs that share one reply. ``name`` is the record's own, where it has one. Bot turns may hold
    ``<owner>`` and ``<bot>``. The first ``context`` turns are only that: nothing is learned of how to say them.
    ``emotion`` is one of the codes E10–E69; ``situation``, ``age`` and ``gender`` are Korean words (가족관계, 청년,
    여성) about the person who speaks, where the source tells.
    """

    source: str
    group: str
    turns: tuple[str, ...]
    kind: str = ""
    emotion: str | None = None
    situation: str | None = None
    age: str | None = None
    gender: str | None = None
    context: int = 0
    name: str = ""

    def examples(self) -> list[tuple[tuple[str, ...], str]]:
        """Every bot turn beyond the context as (what precedes it, the reply)."""
        return [(self.turns[:index], self.turns[index]) for index in range(self.context + 1, len(self.turns), 2)]

    def after(self, other: "Conversation") -> "Conversation":
        """This conversation, begun where ``other`` has ended: people change the subject."""
        return replace(self, turns=other.turns + self.turns, context=len(other.turns) + self.context)
