"""Dead letters as the operator sees them: no chat's id ever, and no text unless it is asked for."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from secrets import token_bytes

from rich.table import Table

from bot.address import pseudonym
from bot.errors import BotError
from bot.mailbox import DeadLetter, DeadLetters
from bot.tables import console, harmless


async def list_letters(found: DeadLetters) -> None:
    """A line for each letter."""
    letters, key = await found.all(), token_bytes(16)
    if not letters:
        print("no dead letters")
        return
    table = Table("letter", "given up", "chat", "updates", "tries", "reason")
    for letter in letters:
        table.add_row(
            letter.id, _moment(letter.buried_at), pseudonym(letter.address, key), _updates(letter), str(letter.tries),
            harmless(letter.reason),
        )  # fmt: skip
    console().print(table)


async def show_letter(found: DeadLetters, letter_id: str, *, text: bool) -> None:
    """One letter, with what was said in it if `text`."""
    letter = await _find(found, letter_id)
    about = Table("letter", letter.id)
    about.add_row("given up", _moment(letter.buried_at))
    about.add_row("tries", str(letter.tries))
    about.add_row("reason", harmless(letter.reason))
    messages = Table("update", "received", "characters", *["text"] * text)
    for message in letter.messages:
        said = [harmless(message.text)] * text
        messages.add_row(message.origin, _moment(message.received_at), str(len(message.text)), *said)
    console().print(about, messages)


async def retry_letters(letters: DeadLetters, letter_ids: list[str], *, everything: bool) -> None:
    """Put the letters back, or all; the newest first, since each comes to stand before what its chat has waiting."""
    done = await _each(letters, letter_ids, everything, letters.retry)
    print(f"put back: {done}")


async def drop_letters(letters: DeadLetters, letter_ids: list[str], *, everything: bool) -> None:
    """Delete the letters, or all."""
    done = await _each(letters, letter_ids, everything, letters.drop)
    print(f"deleted: {done}")


async def _each(
    letters: DeadLetters, letter_ids: list[str], everything: bool, act: Callable[[DeadLetter], Awaitable[bool]]
) -> int:
    if everything == bool(letter_ids):
        raise BotError("name the letters, or say --all")
    chosen = await letters.all() if everything else [await _find(letters, letter_id) for letter_id in letter_ids]
    newest_first = sorted(chosen, key=lambda letter: letter.order, reverse=True)
    return sum([await act(letter) for letter in newest_first])


async def _find(letters: DeadLetters, letter_id: str) -> DeadLetter:
    letter = await letters.get(letter_id)
    if letter is None:
        raise BotError("no such dead letter; `python -m bot dead list` names those that there are")
    return letter


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _updates(letter: DeadLetter) -> str:
    return " ".join(message.origin for message in letter.messages)
