"""Learning to read before learning to answer: restore a sentence of which parts were taken away.

A decoder that is trained on dialogues alone first learns what replies sound like, and late, or never, to look at what
it answers. To restore a sentence it has to look: most of what it writes stands in the encoder's input, as in the
denoising of BART (Lewis et al. 2020; token deletion and sentences in disorder). Any plain text will do.

    [START] [BOT] 영화 마지막 장면 울었다 [END]   ->   영화 보다가 마지막 장면에서 울었다

The mark in front tells the task: a conversation's newest turn is the user's, never the bot's.
"""

import random

from model.config import ModelConfig
from model.dialogue import target_ids
from model.tokenizer import BOT, END, START, Tokenizer
from training.batches import Example

_DELETED = 0.3  # share of a sentence's tokens
_LONGEST_GAP = 3  # tokens
_MOVES = 3  # places that a word may move by


def restoration(text: str, tokenizer: Tokenizer, config: ModelConfig, rng: random.Random) -> Example:
    """``text`` to be restored from what ``damaged`` left of it."""
    kept = tokenizer.encode(damaged_order(text, rng))
    left = damaged(kept, rng)[: config.max_source - 3]
    return Example([START, BOT, *left, END], *target_ids(tokenizer, text, config.max_target))


def damaged(ids: list[int], rng: random.Random) -> list[int]:
    """``ids`` without about a third of them, in gaps of one to three; at least one stays."""
    gone: set[int] = set()
    while len(gone) < _DELETED * len(ids) and len(gone) < len(ids) - 1:
        start = rng.randrange(len(ids))
        gone.update(range(start, min(start + rng.randint(1, _LONGEST_GAP), len(ids))))
    return [index for position, index in enumerate(ids) if position not in gone] or ids[:1]


def damaged_order(text: str, rng: random.Random) -> str:
    """The words of ``text``, in half of the cases each moved by up to three places."""
    words = text.split()
    if rng.random() < 0.5:
        places = [position + rng.uniform(0, _MOVES) for position in range(len(words))]
        words = [word for _, word in sorted(zip(places, words, strict=True))]
    return " ".join(words)
