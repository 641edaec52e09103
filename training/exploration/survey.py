"""The figures of a corpus: how long, about what, how often the same, and how a tokenizer spells it."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from model.config import ModelConfig
from model.dialogue import source_ids
from model.tokenizer import BYTE_TOKENS, SPECIAL_TOKENS, Tokenizer
from training.corpus import Conversation
from training.corpus.cleaning import clean
from training.mixture import split_of

_SHOWN = 20  # replies and tokens of each kind
_ODD_LENGTH = range(4, 60)  # tokens: of a shorter reply its one rare word would decide
_USER, _BOT = "user", "bot"


@dataclass(frozen=True, kw_only=True)
class SourceFigures:
    """One source: counts, and mean lengths of its turns in characters."""

    name: str
    conversations: int
    exchanges: int
    distinct_replies: int
    user_length: float
    bot_length: float


@dataclass(frozen=True, kw_only=True)
class Survey:
    """Everything that the page and the pictures tell. ``characters`` and ``tokens`` are turn lengths by speaker."""

    sources: list[SourceFigures]
    characters: dict[str, list[int]]
    tokens: dict[str, list[int]]
    exchanges: Counter[int]
    emotions: Counter[str]
    situations: Counter[str]
    people: Counter[tuple[str, str]]
    frequent_replies: list[tuple[str, int]]
    odd_replies: list[tuple[str, float]]  # with nats a token
    frequent_tokens: list[tuple[str, int]]
    token_counts: list[int]  # how often each token of the vocabulary is used, the most frequent first; unused ones as 0
    in_bytes: int  # tokens that are single bytes of a character that the vocabulary lacks
    source_limit: int
    target_limit: int
    shortened_sources: int  # replies whose context does not fit the encoder whole
    shortened_targets: int
    cleaning: dict[str, int]


def survey(conversations: Sequence[Conversation], tokenizer: Tokenizer, config: ModelConfig) -> Survey:
    """The figures of ``conversations``, in the tokens of ``tokenizer`` and against the limits of ``config``."""
    spelled = [
        [tokenizer.encode_own(turn) if index % 2 else tokenizer.encode(turn) for index, turn in enumerate(talk.turns)]
        for talk in conversations
    ]
    counts = Counter(token for turns in spelled for turn in turns for token in turn)
    replies = Counter(reply for talk in conversations for reply in talk.turns[1::2])
    bytes_from, bytes_to = len(SPECIAL_TOKENS), len(SPECIAL_TOKENS) + len(BYTE_TOKENS)
    return Survey(
        sources=_sources(conversations),
        characters=_by_speaker([[len(turn) for turn in talk.turns] for talk in conversations]),
        tokens=_by_speaker([[len(turn) for turn in turns] for turns in spelled]),
        exchanges=Counter(len(talk.turns) // 2 for talk in conversations),
        emotions=Counter(talk.emotion for talk in conversations if talk.emotion),
        situations=Counter(talk.situation for talk in conversations if talk.situation),
        people=Counter((talk.age, talk.gender) for talk in conversations if talk.age and talk.gender),
        frequent_replies=replies.most_common(_SHOWN),
        odd_replies=_odd(replies, tokenizer),
        frequent_tokens=[(tokenizer.tokens[token], count) for token, count in counts.most_common(_SHOWN)],
        token_counts=sorted((counts[token] for token in range(bytes_to, tokenizer.size)), reverse=True),
        in_bytes=sum(counts[token] for token in range(bytes_from, bytes_to)),
        source_limit=config.max_source,
        target_limit=config.max_target,
        shortened_sources=sum(
            _shortened(talk, turns, tokenizer, config) for talk, turns in zip(conversations, spelled, strict=True)
        ),
        shortened_targets=sum(len(turn) + 1 > config.max_target for turns in spelled for turn in turns[1::2]),
        cleaning=clean(conversations, split_of)[1],
    )


def _sources(conversations: Sequence[Conversation]) -> list[SourceFigures]:
    by_source: dict[str, list[Conversation]] = {}
    for talk in conversations:
        by_source.setdefault(talk.source, []).append(talk)
    rows = []
    for name, talks in by_source.items():
        users = [turn for talk in talks for turn in talk.turns[0::2]]
        bots = [turn for talk in talks for turn in talk.turns[1::2]]
        rows.append(
            SourceFigures(
                name=name,
                conversations=len(talks),
                exchanges=len(bots),
                distinct_replies=len(set(bots)),
                user_length=sum(map(len, users)) / len(users),
                bot_length=sum(map(len, bots)) / len(bots),
            )
        )
    return rows


def _by_speaker(lengths: Sequence[Sequence[int]]) -> dict[str, list[int]]:
    return {
        speaker: [length for turns in lengths for length in turns[start::2]]
        for start, speaker in enumerate((_USER, _BOT))
    }


def _shortened(talk: Conversation, spelled: Sequence[Sequence[int]], tokenizer: Tokenizer, config: ModelConfig) -> int:
    """Replies of ``talk`` whose context is cut; only where all turns together might not fit is it laid out."""
    if sum(map(len, spelled)) + len(spelled) + 2 <= config.max_source:
        return 0
    whole = 10 * config.max_source
    return sum(len(source_ids(tokenizer, context, whole)) > config.max_source for context, _ in talk.examples())


def _odd(replies: Counter[str], tokenizer: Tokenizer) -> list[tuple[str, float]]:
    """The replies whose tokens are rarest on the average: slips, foreign matter, and now and then a good find."""
    spelled = {reply: tokenizer.encode_own(reply) for reply in sorted(replies)}
    counts = Counter(token for reply, tokens in spelled.items() for token in tokens)
    total = sum(counts.values())
    surprise = {token: -math.log(count / total) for token, count in counts.items()}
    mean = {
        reply: sum(surprise[token] for token in tokens) / len(tokens)
        for reply, tokens in spelled.items()
        if len(tokens) in _ODD_LENGTH
    }
    return sorted(mean.items(), key=lambda item: (-item[1], item[0]))[:_SHOWN]
