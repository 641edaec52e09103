"""A conversation as the encoder reads it: the one place where context is laid out, for training and chat alike.

    [START] [USER] 망했어 ㅠㅠ [BOT] 긴 하루였겠어요. 어땠어요? [USER] 오늘 면접 봤어 [END]

The paper's translator reads one sentence (section 3.1); a companion has to know what was said before it. The newest
turn stands first: positions are counted from the beginning (section 3.5), so what is to be answered always has the
same ones, however long the talk has been, and the further back a turn lies, the later its positions.
"""

import re
from collections.abc import Sequence

from model.tokenizer import BOT, END, START, USER, Tokenizer, normalize

_SPACE = re.compile(r"\s+")
_REPEATED = re.compile(r"(.)\1{3,}")


def tidy(text: str) -> str:
    """A user's text as the model reads it: NFC, single spaces, and at most three of a character in a row (ㅋㅋㅋ)."""
    return _REPEATED.sub(r"\1\1\1", _SPACE.sub(" ", normalize(text)).strip())


def source_ids(tokenizer: Tokenizer, turns: Sequence[str], max_length: int) -> list[int]:
    """The encoder's input for ``turns``: ``[user, bot, …, user]``, oldest first, the last one to be answered.

    The ids have them newest first, each turn's own tokens in the order of speech. At most ``max_length`` ids: what does
    not fit is left out from the oldest side, whole exchanges at a time; of a message that is too long by itself its end
    is kept, where the question usually stands.

    Raises:
        ValueError: the turns do not end with the user's, or are none.
    """
    if len(turns) % 2 == 0:
        raise ValueError("a conversation to be answered is user, bot, …, user: an odd number of turns")
    room = max_length - 2  # [START] and [END]
    body = [USER, *tokenizer.encode(tidy(turns[-1]))[-(room - 1) :]]
    for index in range(len(turns) - 3, -1, -2):
        user, bot = tokenizer.encode(tidy(turns[index])), tokenizer.encode_own(turns[index + 1])
        exchange = [BOT, *bot, USER, *user]
        if len(body) + len(exchange) > room:
            break
        body += exchange
    return [START, *body, END]


def target_ids(tokenizer: Tokenizer, reply: str, max_length: int) -> tuple[list[int], list[int]]:
    """The decoder's input ``[START] …`` and its label ``… [END]``, the same ids shifted by one (section 3.1).

    Both have at most ``max_length`` ids; a longer reply is cut, and then its label has no ``[END]`` to learn from.
    """
    reply_ids = tokenizer.encode_own(reply)
    return [START, *reply_ids][:max_length], [*reply_ids, END][:max_length]


def fill_names(text: str, *, owner: str, bot: str) -> str:
    """The reply as people see it: ``<owner>`` and ``<bot>`` replaced by the names of the settings."""
    return text.replace("<owner>", owner).replace("<bot>", bot)
