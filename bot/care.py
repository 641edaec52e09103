"""What a worker says where life may be at stake: fixed texts, so that no model's whim comes between.

Three rules. A turn that speaks of suicide or self-harm gets a text that names the help line and asks one question. A
short answer to that question that leaves the danger open gets the next such text. Whatever else is said while the
crisis is within the chat's history is answered by the model, and the first such reply names the help line once more.

Two listen: the lexicon (`bot.crisis`), which knows the direct words and needs no model, and the encoder's head
(`model.heads`), which has learned veiled ones from examples and hears of a turn while it is decoded. What both hear of
messages that neither was made from is measured in tests/bot/test_crisis.py.
"""

from bot import texts
from bot.crisis import speaks_of_crisis, stays_in_danger
from bot.mailbox import Reply, Turn


def fixed_reply(turn: Turn) -> Reply | None:
    """The text that `turn` gets in place of the model's; None if the model may answer."""
    asked = bool(turn.history) and turn.history[-1].kind == "crisis"
    if speaks_of_crisis(turn.text) or (asked and stays_in_danger(turn.text)):
        return crisis_reply(turn)
    return None


def crisis_reply(turn: Turn) -> Reply:
    """The next of the texts: who is still in danger should not read the same one twice in a row."""
    told = [exchange.bot for exchange in turn.history if exchange.kind == "crisis"]
    first, second, third = texts.CRISIS
    text = first if not told else second if told[-1] != second else third
    return Reply("crisis", text, raw=text)


def apology_reply(turn: Turn) -> Reply:
    """What is said when the model had no answer."""
    return crisis_reply(turn) if _in_crisis(turn) else Reply("apology", texts.APOLOGY)


def withheld_reply(turn: Turn) -> Reply:
    """What is said when nothing that the model wrote may leave."""
    return crisis_reply(turn) if _in_crisis(turn) else Reply("withheld", texts.WITHHELD)


def _in_crisis(turn: Turn) -> bool:
    return any(exchange.kind == "crisis" for exchange in turn.history)


def needs_reminder(turn: Turn) -> bool:
    """The help line was not named again since the last crisis within the history."""
    since = [exchange.kind for exchange in turn.history]
    return "crisis" in since and "careful" not in since[len(since) - since[::-1].index("crisis") :]
