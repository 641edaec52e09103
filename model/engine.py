"""Conversations in, replies out: by CTranslate2 where speed counts, by TensorFlow as the reference.

    engine = load_engine(PRETRAINED)
    engine.reply([["안녕", "안녕하세요, 반가워요.", "너는 누구니?"]])

Both engines read the same checkpoint and write, in float32 and greedily, the same tokens.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Protocol

from model.checkpoint import Checkpoint, load_checkpoint
from model.dialogue import source_ids
from model.options import Decoding
from model.tokenizer import END, NEVER_WRITTEN, PAD

__all__ = ["Decoding", "Engine", "EngineReply", "load_engine"]

EngineKind = Literal["ctranslate2", "tensorflow"]

_SEEDS = 2**31 - 1


@dataclass(frozen=True)
class EngineReply:
    """One reply.

    ``text`` may hold ``<owner>`` and ``<bot>``; keep it as it is for the history, and show ``fill_names`` of it.
    ``tokens`` counts the reply's tokens without ``[END]``; ``score`` is the mean log probability of a token, ``[END]``
    included, in nats. ``others`` are the replies that the search found besides, the next best first.
    """

    text: str
    tokens: int
    score: float
    others: tuple["EngineReply", ...] = ()


class Decoder(Protocol):
    """Source ids in; of each row the ids up to ``[END]`` and their log probability out."""

    def __call__(self, sources: list[list[int]], decoding: Decoding, seed: int | None) -> list[tuple[list[int], float]]:
        """Decode a batch; ``[END]`` itself is not among the ids, but in the probability."""


class Engine:
    """A checkpoint ready to answer. Call it from one thread at a time."""

    def __init__(self, name: str, checkpoint: Checkpoint, decode: Decoder) -> None:
        self.name = name
        self.card: dict[str, Any] = checkpoint.card
        self.checkpoint_hash = checkpoint.hash
        self._tokenizer, self._config = checkpoint.tokenizer, checkpoint.config
        self._decode = decode

    def reply(
        self, conversations: Sequence[Sequence[str]], decoding: Decoding | None = None, seed: int | None = None
    ) -> list[EngineReply]:
        """Answer each conversation ``[user, bot, …, user]``, in order.

        Bot turns are the raw texts of earlier replies, placeholders included. ``seed`` makes sampling repeatable.
        """
        if not conversations:
            return []
        decoding = decoding or Decoding()
        decoding = replace(decoding, max_tokens=min(decoding.max_tokens, self._config.max_target))
        sources = [source_ids(self._tokenizer, turns, self._config.max_source) for turns in conversations]
        rows = self._decode(sources, decoding, seed)
        return [
            EngineReply(self._text(ids), len(ids), log_probability / (len(ids) + 1)) for ids, log_probability in rows
        ]

    def _text(self, ids: list[int]) -> str:
        # Bytes that spell no character decode to U+FFFD: better left out than shown.
        return self._tokenizer.decode(ids).replace("\ufffd", "").strip()


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
        return Engine(kind, checkpoint, _tensorflow(checkpoint))
    return Engine(kind, checkpoint, _ctranslate2(checkpoint, threads, compute_type or "int8"))


def _ctranslate2(checkpoint: Checkpoint, threads: int, compute_type: str) -> Decoder:
    import ctranslate2

    from model.ctranslate import convert, make_translator

    files = convert(checkpoint)
    shared = make_translator(files, compute_type=compute_type, threads=threads)
    tokens = checkpoint.tokenizer.tokens
    ids_of = {token: index for index, token in enumerate(tokens)}

    def decode(sources: list[list[int]], decoding: Decoding, seed: int | None) -> list[tuple[list[int], float]]:
        translator, sampling = shared, dict[str, Any]()
        if decoding.method == "sample":
            if seed is not None:
                # A translator's thread takes the seed once, when it first draws: a repeatable draw needs a new one.
                ctranslate2.set_random_seed(seed % _SEEDS)
                translator = make_translator(files, compute_type=compute_type, threads=threads)
            sampling = {
                "sampling_topk": 0,
                "sampling_topp": decoding.top_p,
                "sampling_temperature": decoding.temperature,
            }
        penalty = decoding.length_penalty if decoding.method == "beam" else 0.0
        results = translator.translate_batch(
            [[tokens[index] for index in source] for source in sources],
            beam_size=decoding.beam_size if decoding.method == "beam" else 1,
            length_penalty=penalty,
            no_repeat_ngram_size=decoding.no_repeat_ngram,
            max_decoding_length=decoding.max_tokens,
            min_decoding_length=0,
            suppress_sequences=[[tokens[index]] for index in NEVER_WRITTEN],
            max_input_length=0,
            return_scores=True,
            return_end_token=True,
            **sampling,
        )
        rows = []
        for result in results:
            ids = [ids_of[token] for token in result.hypotheses[0]]
            log_probability = result.scores[0] * len(ids) ** penalty
            rows.append(([index for index in ids if index != END], log_probability))
        return rows

    return decode


def _tensorflow(checkpoint: Checkpoint) -> Decoder:
    import numpy as np
    import tensorflow as tf

    from model.decoding import make_decoder
    from model.transformer import Transformer

    transformer = Transformer(checkpoint.config)
    transformer.set_named_weights(checkpoint.weights)
    compiled: dict[Decoding, Any] = {}

    def decode(sources: list[list[int]], decoding: Decoding, seed: int | None) -> list[tuple[list[int], float]]:
        if decoding not in compiled:
            compiled[decoding] = make_decoder(transformer, decoding)
        drawn = random.randrange(_SEEDS) if seed is None else seed % _SEEDS
        longest = max(map(len, sources))
        source = np.array([[*ids, *[PAD] * (longest - len(ids))] for ids in sources], dtype="int32")
        result = compiled[decoding](tf.constant(source), tf.constant([drawn, 0], tf.int32))
        return [
            ([int(index) for index in row if index not in (PAD, END)], float(score))
            for row, score in zip(result.ids.numpy(), result.score.numpy(), strict=True)
        ]

    return decode
