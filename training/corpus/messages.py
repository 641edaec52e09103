"""Our own messages without replies: what speaks of suicide or self-harm, what asks who the bot is, and what only
sounds like either."""

from dataclasses import dataclass
from pathlib import Path

from training.corpus.conversation import CorpusError
from training.corpus.jsonlines import read_records
from training.corpus.own import OWN


@dataclass(frozen=True)
class Message:
    """A user's message: whether it speaks of suicide or self-harm, the writer's own or of someone near; and whether it
    asks who or what the bot is, None where nobody has said.

    ``form`` tells how: own_direct, own_veiled, own_selfharm, near, name, maker; or what it is instead, such as idiom,
    grief or near_name.
    """

    text: str
    crisis: bool
    form: str
    identity: bool | None = None

    @property
    def group(self) -> str:
        """What never stands on two sides of the split."""
        return f"message:{self.text}"


def read_messages(folder: Path = OWN) -> list[Message]:
    """The lines of ``messages-*.jsonl`` in ``folder``; ``CorpusError`` names the line that is wrong."""
    return [message for path in sorted(folder.glob("messages-*.jsonl")) for message in read_message_file(path)]


def read_message_file(path: Path) -> list[Message]:
    """The messages of one file."""
    messages = []
    for number, record in read_records(path):
        match record:
            case {"text": str(text), "crisis": bool(crisis), "form": str(form)} if text.strip():
                messages.append(Message(text, crisis, form))
            case {"text": str(text), "identity": bool(identity), "form": str(form)} if text.strip():
                messages.append(Message(text, False, form, identity))
            case _:
                raise CorpusError(
                    f"{path}:{number}: not a message: text, form and crisis or identity (true or false) are expected"
                )
    return messages
