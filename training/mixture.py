"""What a training run reads: the split, and each epoch's draw of conversations."""

import hashlib
import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Self

from training.corpus import Conversation, Family
from training.corpus.cleaning import clean
from training.corpus.messages import Message
from training.noise import as_typed
from training.recipe import Recipe
from training.renaming import KINDS, Nouns, renamed

Split = Literal["train", "validation", "test"]

# Shares of the validation and test splits.
_VALIDATION, _TEST = 0.04, 0.04
_MOST_SUBJECTS = 3  # before the one that is learned from
_NOT_TEXT = re.compile(r"[\W_]+")


def split_of(group: str) -> Split:
    """The side on which a group stands: by a hash of its name, so that it never moves when the corpus grows.

    Spaces and punctuation do not count: two spellings of one reply stand on the same side.
    """
    digest = hashlib.sha256(_NOT_TEXT.sub("", group).encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    if point < _VALIDATION:
        return "validation"
    return "test" if point < _VALIDATION + _TEST else "train"


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """Conversations, families, messages and plain texts, and the recipe that says how often each is seen in an epoch.

    Conversations are drawn anew of every family in every epoch: all have the same size, no two the same sentences.
    """

    conversations: list[Conversation]
    families: list[Family]
    messages: list[Message] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    recipe: Recipe = field(default_factory=Recipe)
    # What was tidied and left out before; it is written on the checkpoint's card.
    cleaning: dict[str, int] = field(default_factory=dict)

    def cleaned(self) -> Self:
        """This mixture with what ``training.corpus.cleaning`` lets pass; nothing changes sides."""
        kept, counts = clean(self.conversations, split_of)
        return replace(self, conversations=kept, cleaning=counts)

    @property
    def digest(self) -> str:
        """A hash of all that can be read, whatever the recipe; two runs of the same digest read the same corpora."""
        digest = hashlib.sha256()
        for part in (self.conversations, self.families, self.messages, self.texts):
            for each in part:
                digest.update(repr(each).encode())
        return digest.hexdigest()[:16]

    def epoch(self, seed: int, number: int) -> list[Conversation]:
        """The training conversations of epoch ``number``; the same for the same ``seed``."""
        rng = random.Random(f"{seed}/{number}")
        draws, repeats = self.recipe.draws, self.recipe.repeats
        drawn = [
            family.draw(rng)
            for family in self.families
            if split_of(f"family:{family.id}") == "train"
            for _ in range(draws.get(family.kind, draws["other"]))
        ]
        conversations = drawn + [
            conversation
            for conversation in self.conversations
            if split_of(conversation.group) == "train"
            for _ in range(_times(repeats.get(conversation.source, 1), rng))
        ]
        if self.recipe.exchanges != "whole":
            conversations = [
                exchange
                for conversation in conversations
                for exchange in _exchanges(conversation)[: 1 if self.recipe.exchanges == "first" else None]
            ]
        conversations = self._renamed(conversations, random.Random(f"{seed}/{number}/nouns"))
        told = [self._told_after_others(conversation, conversations, rng) for conversation in conversations]
        return [self._typed(conversation, rng) for conversation in told]

    def epoch_messages(self, seed: int, number: int) -> list[Message]:
        """The training messages of epoch ``number``, some of them typed carelessly."""
        rng = random.Random(f"{seed}/{number}/messages")
        return [
            replace(message, text=as_typed(message.text, rng)) if rng.random() < self.recipe.typing_noise else message
            for message in self.messages_of("train")
            for _ in range(_times(self.recipe.repeats.get("messages", 1), rng))
        ]

    def messages_of(self, split: Split) -> list[Message]:
        """The messages of ``split``."""
        return [message for message in self.messages if split_of(message.group) == split]

    def plain_texts(self, seed: int, number: int) -> list[str]:
        """The sentences that epoch ``number`` restores."""
        rng = random.Random(f"{seed}/{number}/texts")
        return rng.sample(self.texts, min(self.recipe.plain_texts, len(self.texts)))

    def _renamed(self, conversations: list[Conversation], rng: random.Random) -> list[Conversation]:
        if not self.recipe.renamed:
            return conversations
        return [
            renamed(each, self._nouns, rng) if each.kind in KINDS and rng.random() < self.recipe.renamed else each
            for each in conversations
        ]

    @cached_property
    def _nouns(self) -> Nouns:
        return Nouns.of(each for each in self.conversations if split_of(each.group) == "train")

    def _told_after_others(
        self, conversation: Conversation, others: list[Conversation], rng: random.Random
    ) -> Conversation:
        for _ in range(_MOST_SUBJECTS):
            if rng.random() >= self.recipe.topic_changes:
                break
            conversation = conversation.after(rng.choice(others))
        return conversation

    def _typed(self, conversation: Conversation, rng: random.Random) -> Conversation:
        turns = [
            as_typed(turn, rng) if index % 2 == 0 and rng.random() < self.recipe.typing_noise else turn
            for index, turn in enumerate(conversation.turns)
        ]
        return replace(conversation, turns=tuple(turns))

    def held_out(self, split: Literal["validation", "test"], seed: int = 0) -> dict[str, list[Conversation]]:
        """Conversations of ``split`` by source, six drawn of each family; always the same."""
        rng = random.Random(f"{split}/{seed}")
        by_source: dict[str, list[Conversation]] = {}
        drawn = [
            family.draw(rng) for family in self.families if split_of(f"family:{family.id}") == split for _ in range(6)
        ]
        for conversation in [*self.conversations, *drawn]:
            if split_of(conversation.group) == split:
                by_source.setdefault(conversation.source, []).append(conversation)
        return by_source

    def words(self, seed: int) -> Iterable[str]:
        """The training texts of one epoch, for the tokenizer to learn from."""
        for conversation in self.epoch(seed, 0):
            yield from conversation.turns[conversation.context :]


def _exchanges(conversation: Conversation) -> list[Conversation]:
    """Each exchange as a talk of its own.

    What is known of the first message is not known of the later ones. Torn from a crisis, nobody can say of these
    whether they speak of it: of such a talk there is only the first.
    """
    first, *later = (conversation.turns[index : index + 2] for index in range(0, len(conversation.turns) - 1, 2))
    if conversation.kind == "crisis":
        later = []
    return [replace(conversation, turns=first), *(replace(conversation, turns=turns, emotion=None) for turns in later)]


def _times(repeats: float, rng: random.Random) -> int:
    return int(repeats) + (rng.random() < repeats % 1)
