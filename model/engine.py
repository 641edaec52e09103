"""Conversations in, replies out: by CTranslate2 where speed counts, by TensorFlow as the reference.

    engine = load_engine(PRETRAINED)
    engine.reply([["안녕", "안녕하세요, 반가워요.", "너는 누구니?"]])

Both engines read the same checkpoint and write, in float32 and greedily, the same tokens.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from model.checkpoint import Checkpoint, load_checkpoint
from model.config import ModelConfig
from model.dialogue import source_ids
from model.heads import ALARM, Understanding, newest_turn_mean, understandings
from model.hyperbole import without_hyperbole
from model.options import Decoding
from model.rerank import SHORTEST, Candidate, rank, without_said_sentences, worth
from model.tokenizer import BOT_NAME, END, NEVER_WRITTEN, OWNER_NAME, PAD
from model.worn import worn_tokens

__all__ = ["Decoding", "Engine", "EngineReply", "Understanding", "load_engine"]

EngineKind = Literal["ctranslate2", "tensorflow"]

_SEEDS = 2**31 - 1
_TOGETHER = 16  # messages that the encoder reads at once
_MOST_LINES = 32  # of a turn that are read each for itself
# Characters of a line that are read each for themselves: the mean over more loses a few words.
_WINDOW, _OVERLAP = 36, 24
_NAMES = (OWNER_NAME, BOT_NAME)


@dataclass(frozen=True)
class EngineReply:
    """One reply.

    ``text`` may hold ``<owner>`` and ``<bot>``; keep it as it is for the history, and show ``fill_names`` of it.
    ``tokens`` counts the reply's tokens without ``[END]``; ``score`` is the mean log probability of a token, ``[END]``
    included, in nats; ``worth`` is what ``model.rerank`` chose it by. ``ids`` are those tokens, for those who look into
    how they came about. ``others`` are the replies that the search found besides, the next best first. ``crisis`` is
    how surely the newest turn, or a part of it, speaks of suicide or self-harm; 0 without heads.
    """

    text: str
    tokens: int
    score: float
    worth: float = 0.0
    ids: tuple[int, ...] = ()
    others: tuple["EngineReply", ...] = ()
    crisis: float = 0.0
    identity: float | None = None


Found = list[tuple[list[int], float]]


class Bounds(NamedTuple):
    """Ids that no reply may hold, and those that it begins with."""

    never: tuple[int, ...]
    begins: tuple[int, ...] = ()


class Decoder(Protocol):
    """What an engine is made of."""

    def decode(self, sources: list[list[int]], decoding: Decoding, seed: int | None, bounds: Bounds) -> list[Found]:
        """Of each source what was found, the best first: ids up to ``[END]``, which is in their log P alone.

        ``bounds`` hold for all of it.
        """

    def score(self, source: list[int], replies: list[list[int]]) -> list[float]:
        """log P of each reply, ids without ``[END]``, to one source."""

    def encode(self, sources: np.ndarray) -> np.ndarray:
        """Ids ``(batch, source)`` padded with 0 -> what the heads read ``(batch, source, d_model)``, float32."""


class Engine:
    """A checkpoint ready to answer. Call it from one thread at a time."""

    def __init__(self, name: str, checkpoint: Checkpoint, decoder: Decoder) -> None:
        self.name = name
        self.card: dict[str, Any] = checkpoint.card
        self.checkpoint_hash = checkpoint.hash
        self._tokenizer, self._config = checkpoint.tokenizer, checkpoint.config
        self._decoder = decoder
        self._heads = checkpoint.heads

    def reply(
        self, conversations: Sequence[Sequence[str]], decoding: Decoding | None = None, seed: int | None = None
    ) -> list[EngineReply]:
        """Answer each conversation ``[user, bot, …, user]``, in order.

        Bot turns are the raw texts of earlier replies, placeholders included. ``seed`` makes sampling repeatable.
        A beam's findings are ranked by ``model.rerank``.
        """
        if not conversations:
            return []
        decoding = decoding or Decoding()
        # One less than there are positions: a reply is also scored with its [END].
        decoding = replace(decoding, max_tokens=min(decoding.max_tokens, self._config.max_target - 1))
        sources = [source_ids(self._tokenizer, turns, self._config.max_source) for turns in conversations]
        heard = self._heard([turns[-1] for turns in conversations])
        asked = [identity for _, identity in heard]
        # Who asks again who the bot is is told again.
        worn = [
            () if sure is not None and sure >= ALARM else worn_tokens(self._tokenizer, turns)
            for sure, turns in zip(asked, conversations, strict=True)
        ]
        rows = self._decode(sources, decoding, seed, asked, worn)
        return [
            replace(self._ranked(found, source, turns, decoding, identity), crisis=crisis, identity=identity)
            for found, source, turns, (crisis, identity) in zip(rows, sources, conversations, heard, strict=True)
        ]

    def _decode(
        self,
        sources: list[list[int]],
        decoding: Decoding,
        seed: int | None,
        asked: list[float | None],
        worn: list[tuple[int, ...]],
    ) -> list[Found]:
        """What is found of each source, without its ``worn`` words.

        Whoever has not ``asked`` who the bot is is told nobody's name, who has, one.
        Where a question comes in words that the decoder has hardly seen, no reply that it finds may hold a name. Then
        it searches once more, for replies that begin with its owner's.
        """
        free = [index for index, sure in enumerate(asked) if sure is None or sure >= ALARM]
        alike: dict[tuple[int, ...], list[int]] = {}  # sources that may not be answered with the same tokens
        for index, words in enumerate(worn):
            alike.setdefault(NEVER_WRITTEN + words + (() if index in free else _NAMES), []).append(index)
        rows: list[Found] = [[] for _ in sources]
        for never, chosen in alike.items():
            found = self._decoder.decode([sources[index] for index in chosen], decoding, seed, Bounds(never))
            for index, row in zip(chosen, found, strict=True):
                rows[index] = row
        evaded = [index for index in free if asked[index] is not None and not any(map(_holds_a_name, rows[index]))]
        if evaded:
            chosen_sources = [sources[index] for index in evaded]
            found = self._decoder.decode(chosen_sources, decoding, seed, Bounds(NEVER_WRITTEN, (OWNER_NAME,)))
            for index, source, row in zip(evaded, chosen_sources, found, strict=True):
                replies = [ids for ids, _ in row]
                rows[index] = [*rows[index], *zip(replies, self._decoder.score(source, replies), strict=True)]
        return rows

    @property
    def understands(self) -> bool:
        """Whether the checkpoint has the heads that ``understand`` asks."""
        return self._heads is not None

    def understand(self, messages: Sequence[str]) -> list[Understanding]:
        """What each message says of its writer, read alone, as if nothing had been said before.

        Raises:
            ValueError: the checkpoint has no heads.
        """
        if self._heads is None:
            raise ValueError(f"checkpoint {self.checkpoint_hash} has no heads: it has not learned to tell emotions")
        if not messages:
            return []
        messages = [without_hyperbole(message) for message in messages]
        rows = [source_ids(self._tokenizer, [message], self._config.max_source) for message in messages]
        # Alike in length and few at a time: a thousand lines padded to the longest would take a gigabyte, and a minute.
        order = sorted(range(len(rows)), key=lambda index: len(rows[index]))
        pooled = np.empty((len(rows), self._config.d_model), "float32")
        for start in range(0, len(order), _TOGETHER):
            chosen = order[start : start + _TOGETHER]
            sources = _padded([rows[index] for index in chosen])
            pooled[chosen] = newest_turn_mean(self._decoder.encode(sources), sources)
        return understandings(self._heads, pooled, rows, messages)

    def _heard(self, messages: Sequence[str]) -> list[tuple[float, float | None]]:
        """Of each message, or of the line that is surest of it: ``Understanding.crisis`` and ``.identity``."""
        if self._heads is None:
            return [(0.0, None)] * len(messages)
        # Lines sent in a row are one turn, and one of them, or a part of a long one, may be lost in the mean over all.
        parts = [(index, part) for index, text in enumerate(messages) for part in {text, *_parts(text)}]
        heard: list[tuple[float, float | None]] = [(0.0, None)] * len(messages)
        for (index, _), said in zip(parts, self.understand([part for _, part in parts]), strict=True):
            crisis, identity = heard[index]
            surest = said.identity if identity is None or said.identity is None else max(identity, said.identity)
            heard[index] = max(crisis, said.crisis), surest
        return heard

    def _ranked(
        self, found: Found, source: list[int], turns: Sequence[str], decoding: Decoding, identity: float | None
    ) -> EngineReply:
        found = [*found, *self._shortened(found, source, turns)]
        neutral = [0.0] * len(found)
        if decoding.genericness and len(found) > 1:
            nothing = source_ids(self._tokenizer, [""], self._config.max_source)
            neutral = self._decoder.score(nothing, [ids for ids, _ in found])
        candidates = [
            Candidate(self._text(ids), len(ids), log_probability, after_nothing, tuple(ids))
            for (ids, log_probability), after_nothing in zip(found, neutral, strict=True)
        ]
        best, *others = (
            EngineReply(
                candidate.text,
                candidate.tokens,
                candidate.log_probability / (candidate.tokens + 1),
                worth(candidate, decoding),
                candidate.ids,
            )
            for candidate in rank(candidates, turns, decoding, asked=identity is not None and identity >= ALARM)
        )
        return replace(best, others=tuple(others))

    def _shortened(self, found: Found, source: list[int], turns: Sequence[str]) -> Found:
        """What is left of those of ``found`` that say again what ``turns`` have, if it is a reply, and its log P."""
        texts = [self._text(ids) for ids, _ in found]
        shorter = {without_said_sentences(text, turns) for text in texts} - {*texts}
        replies = [ids for text in sorted(shorter) if len(ids := self._tokenizer.encode_own(text)) + 1 >= SHORTEST]
        return list(zip(replies, self._decoder.score(source, replies), strict=True)) if replies else []

    def _text(self, ids: list[int]) -> str:
        # Bytes that spell no character decode to U+FFFD: better left out than shown.
        return self._tokenizer.decode(ids).replace("\ufffd", "").strip()


def _holds_a_name(found: tuple[list[int], float]) -> bool:
    """Whether a reply holds a name."""
    return not set(_NAMES).isdisjoint(found[0])


def _parts(text: str) -> list[str]:
    """The lines of ``text``, of long ones windows: whatever is no longer than their overlap is whole in one of them."""
    step = _WINDOW - _OVERLAP
    return [
        line[start : start + _WINDOW] for line in _lines(text) for start in range(0, max(len(line) - _OVERLAP, 1), step)
    ]


def _lines(text: str) -> list[str]:
    """The lines of ``text``; of very many, several together, so that all are heard and nobody waits for it."""
    lines = text.splitlines()
    together = -(-len(lines) // _MOST_LINES)
    return [" ".join(lines[start : start + together]) for start in range(0, len(lines), together or 1)]


def engine_kind(config: ModelConfig) -> EngineKind:
    """What decodes a model of this shape: CTranslate2, unless its heads together are not as wide as the model."""
    return "ctranslate2" if config.heads * config.key_dim == config.d_model else "tensorflow"


def load_engine(
    folder: Path, kind: EngineKind = "ctranslate2", *, threads: int = 1, compute_type: str | None = None
) -> Engine:
    """Load the checkpoint in ``folder``; ``CheckpointError`` says in one line why it cannot be.

    Args:
        folder: a checkpoint folder.
        kind: ``ctranslate2`` imports no TensorFlow; ``tensorflow`` also takes shapes that CTranslate2 cannot express.
        threads: cores that a batch uses in CTranslate2; TensorFlow takes what it finds.
        compute_type: CTranslate2's; ``int8`` unless said otherwise.
    """
    checkpoint = load_checkpoint(folder)
    if kind == "tensorflow":
        return Engine(kind, checkpoint, _TensorFlow(checkpoint))
    return Engine(kind, checkpoint, _CTranslate2(checkpoint, threads, compute_type or "int8"))


class _CTranslate2:
    """Ids and tokens are the same thing under two names: CTranslate2 wants the tokens."""

    def __init__(self, checkpoint: Checkpoint, threads: int, compute_type: str) -> None:
        from model.ctranslate import convert, convert_encoder, make_encoder, make_translator

        files = convert(checkpoint)
        self._make = partial(make_translator, files, compute_type=compute_type, threads=threads)
        self._translator = self._make()
        if checkpoint.heads is not None:  # two thirds of the memory again: nobody else needs it
            self._encoder = make_encoder(convert_encoder(checkpoint), compute_type=compute_type, threads=threads)
        self._tokens = checkpoint.tokenizer.tokens
        self._ids = {token: index for index, token in enumerate(self._tokens)}

    def decode(self, sources: list[list[int]], decoding: Decoding, seed: int | None, bounds: Bounds) -> list[Found]:
        import ctranslate2

        translator, sampling = self._translator, dict[str, Any]()
        if decoding.method == "sample":
            if seed is not None:
                # A translator's thread takes the seed once, when it first draws: a repeatable draw needs a new one.
                ctranslate2.set_random_seed(seed % _SEEDS)
                translator = self._make()
            sampling = {
                "sampling_topk": 0,
                "sampling_topp": decoding.top_p,
                "sampling_temperature": decoding.temperature,
            }
        beam = decoding.beam_size if decoding.method == "beam" else 1
        penalty = decoding.length_penalty if decoding.method == "beam" else 0.0
        results = translator.translate_batch(
            [self._named(source) for source in sources],
            beam_size=beam,
            num_hypotheses=min(decoding.candidates, beam),
            length_penalty=penalty,
            no_repeat_ngram_size=decoding.no_repeat_ngram,
            repetition_penalty=decoding.repetition_penalty,
            max_decoding_length=decoding.max_tokens,
            min_decoding_length=0,
            target_prefix=[self._named([*bounds.begins])] * len(sources) if bounds.begins else None,
            suppress_sequences=[[self._tokens[index]] for index in bounds.never],
            max_input_length=0,
            return_scores=True,
            return_end_token=True,
            **sampling,
        )
        rows = []
        for result in results:
            found = []
            for tokens, score in zip(result.hypotheses, result.scores, strict=True):
                ids = [self._ids[token] for token in tokens]
                found.append(([index for index in ids if index != END], score * len(ids) ** penalty))
            rows.append(found)
        return rows

    def score(self, source: list[int], replies: list[list[int]]) -> list[float]:
        results = self._translator.score_batch(
            [self._named(source)] * len(replies), [self._named(reply) for reply in replies]
        )
        return [sum(result.log_probs) for result in results]

    def encode(self, sources: np.ndarray) -> np.ndarray:
        from ctranslate2 import StorageView

        lengths = (sources != PAD).sum(axis=1, dtype="int32")
        output = self._encoder.forward_batch(StorageView.from_array(sources), StorageView.from_array(lengths))
        return np.array(output.last_hidden_state)

    def _named(self, ids: list[int]) -> list[str]:
        return [self._tokens[index] for index in ids]


class _TensorFlow:
    """A graph is compiled for each way of decoding and each beginning, when it is first asked for."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        from model.decoding import make_scorer
        from model.transformer import Transformer

        self._transformer = Transformer(checkpoint.config)
        self._transformer.set_named_weights(checkpoint.weights)
        self._listener = self._transformer
        if checkpoint.heads is not None and checkpoint.heads.encoder:
            self._listener = Transformer(checkpoint.config)
            self._listener.set_named_weights({**checkpoint.weights, **checkpoint.heads.encoder})
        self._compiled: dict[tuple[Decoding, tuple[int, ...]], Any] = {}
        self._score = make_scorer(self._transformer)

    def decode(self, sources: list[list[int]], decoding: Decoding, seed: int | None, bounds: Bounds) -> list[Found]:
        from model.constraints import NEVER
        from model.decoding import make_decoder

        way = decoding, bounds.begins
        if way not in self._compiled:
            self._compiled[way] = make_decoder(self._transformer, *way)
        drawn = random.randrange(_SEEDS) if seed is None else seed % _SEEDS
        result = self._compiled[way](_padded(sources), np.array([drawn, 0], "int32"), bounds.never)
        return [
            [
                ([int(index) for index in ids if index not in (PAD, END)], float(score))
                for ids, score in zip(row, scores, strict=True)
                if score > NEVER / 2
            ]
            for row, scores in zip(result.candidates.numpy(), result.scores.numpy(), strict=True)
        ]

    def score(self, source: list[int], replies: list[list[int]]) -> list[float]:
        scores = self._score(_padded([source] * len(replies)), _padded([[*reply, END] for reply in replies]))
        return [float(score) for score in scores.numpy()]

    def encode(self, sources: np.ndarray) -> np.ndarray:
        memory, _ = self._listener.encode(sources)
        return np.asarray(memory.numpy())


def _padded(rows: list[list[int]]) -> np.ndarray:
    longest = max(map(len, rows))
    return np.array([[*ids, *[PAD] * (longest - len(ids))] for ids in rows], dtype="int32")
