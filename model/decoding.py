"""Autoregressive decoding in TensorFlow: each token is chosen, then read back as input for the next (section 3.1).

All of it is one compiled graph with a key/value cache, so that a step costs one token's work, not the whole prefix's.
Ids in, ids out; texts are the engine's business. A row that has written ``[END]`` goes on as padding: it changes
nothing for the others and nothing is added to it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from model.constraints import NEVER, beginning, block_repeats, nucleus, penalize_repeats, without
from model.decoder import Cache
from model.options import Decoding
from model.tokenizer import END, NEVER_WRITTEN, PAD, START
from model.transformer import Transformer


class Decoded(NamedTuple):
    """What was found, the best first. A row that found fewer than ``candidates`` has log P of -1e9 in their places."""

    candidates: tf.Tensor  # (batch, candidates, max_tokens): replies with their [END], padded with 0
    scores: tf.Tensor  # (batch, candidates): log P

    @property
    def ids(self) -> tf.Tensor:
        """The best reply of each row, ``(batch, max_tokens)``."""
        return self.candidates[:, 0]

    @property
    def score(self) -> tf.Tensor:
        """Its log P, ``(batch,)``."""
        return self.scores[:, 0]


def make_decoder(transformer: Transformer, decoding: Decoding, begins: tuple[int, ...] = ()) -> Callable[..., Decoded]:
    """Compile a function of ``source`` ``(batch, source)`` int32 and ``seed`` ``(2,)`` int32, for sampling.

    Its third argument are the tokens that are never written, ``NEVER_WRITTEN`` unless it is given; the first ones that
    are written are ``begins``.
    """

    @tf.function(
        input_signature=[
            tf.TensorSpec((None, None), tf.int32),
            tf.TensorSpec((2,), tf.int32),
            tf.TensorSpec((None,), tf.int32),
        ]
    )
    def compiled(source: tf.Tensor, seed: tf.Tensor, never: tf.Tensor) -> Decoded:
        def allowed(logits: tf.Tensor, ids: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
            logits = penalize_repeats(logits, ids, decoding.repetition_penalty)
            logits = block_repeats(without(logits, never), ids, step, decoding.no_repeat_ngram)
            return beginning(logits, begins, step)

        if decoding.method == "beam":
            return _beam(transformer, decoding, allowed, source)
        return _one_path(transformer, decoding, allowed, source, seed)

    def decode(source: tf.Tensor, seed: tf.Tensor, never: Sequence[int] = NEVER_WRITTEN) -> Decoded:
        return compiled(source, seed, tf.constant(never, tf.int32))

    return decode


# Logits ``(rows, vocabulary)``, ids ``(rows, length)`` and the step -> the logits without what may not be written.
_Allowed = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


class _Path(NamedTuple):
    """What is carried from token to token of a single path."""

    step: tf.Tensor
    token: tf.Tensor  # (batch,): the newest
    finished: tf.Tensor  # (batch,)
    ids: tf.Tensor  # (batch, length)
    score: tf.Tensor  # (batch,): log P
    cache: Cache


def _one_path(
    transformer: Transformer, decoding: Decoding, allowed: _Allowed, source: tf.Tensor, seed: tf.Tensor
) -> Decoded:
    """Greedy, or sampling: one path, never looked back at."""
    batch, length = tf.shape(source)[0], decoding.max_tokens
    memory, mask = transformer.encode(source)

    def unfinished(path: _Path) -> tf.Tensor:
        return (path.step < length) & ~tf.reduce_all(path.finished)

    def write(path: _Path) -> tuple[_Path]:
        logits, cache = transformer.step(path.token, path.step, path.cache, mask)  # (batch, vocabulary)
        logits = allowed(logits, path.ids, path.step)
        if decoding.method == "sample":
            kept = nucleus(logits / decoding.temperature, decoding.top_p)
            chosen = tf.random.stateless_categorical(kept, 1, seed + [0, 1] * path.step, dtype=tf.int32)[:, 0]
        else:
            chosen = tf.argmax(logits, axis=-1, output_type=tf.int32)
        gained = tf.gather(tf.nn.log_softmax(logits), chosen, batch_dims=1)
        token = tf.where(path.finished, PAD, chosen)
        return (
            _Path(
                step=path.step + 1,
                token=token,
                finished=path.finished | (chosen == END),
                ids=tf.tensor_scatter_nd_update(path.ids, _column(batch, path.step), token),
                score=path.score + tf.where(path.finished, 0.0, gained),
                cache=cache,
            ),
        )

    start = _Path(
        step=tf.constant(0),
        token=tf.fill((batch,), START),
        finished=tf.zeros((batch,), tf.bool),
        ids=tf.zeros((batch, length), tf.int32),
        score=tf.zeros((batch,)),
        cache=transformer.decoder.start(memory, length),
    )
    (path,) = tf.while_loop(unfinished, write, (start,), maximum_iterations=length)
    return Decoded(path.ids[:, None], path.score[:, None])


class _Beam(NamedTuple):
    """What is carried from token to token of a beam; ``rows`` are ``batch * beam``, a row's beam side by side."""

    step: tf.Tensor
    token: tf.Tensor  # (rows,): the newest of every open prefix
    ids: tf.Tensor  # (rows, length)
    score: tf.Tensor  # (batch, beam): log P of the open prefixes
    best_ids: tf.Tensor  # (batch, candidates, length): of the worthiest finished hypotheses, the best first
    best_worth: tf.Tensor  # (batch, candidates)
    best_score: tf.Tensor  # (batch, candidates): their log P
    finished: tf.Tensor  # (batch,): how many hypotheses are
    cache: Cache


def _beam(transformer: Transformer, decoding: Decoding, allowed: _Allowed, source: tf.Tensor) -> Decoded:
    """Beam search (Sutskever et al. 2014): the ``beam_size`` likeliest prefixes are kept at each step.

    A hypothesis is worth log P / tokens ** length_penalty (Wu et al. 2016 in its simple form), ``[END]`` counted.
    Finished ones leave the beam, so that ``beam_size`` open prefixes always remain; a row is done when ``beam_size``
    hypotheses are finished, and the ``candidates`` worthiest of them are what it found.
    """
    batch, beam, length = tf.shape(source)[0], decoding.beam_size, decoding.max_tokens
    kept = min(decoding.candidates, beam)
    rows = batch * beam
    memory, mask = transformer.encode(source)
    mask = tf.repeat(mask, beam, axis=0)

    def unfinished(state: _Beam) -> tf.Tensor:
        return (state.step < length) & tf.reduce_any(state.finished < beam)

    def extend(state: _Beam) -> tuple[_Beam]:
        step = state.step
        logits, cache = transformer.step(state.token, step, state.cache, mask)  # (rows, vocabulary)
        logits = allowed(logits, state.ids, step)
        size = tf.shape(logits)[-1]
        total = tf.reshape(tf.nn.log_softmax(logits), (batch, beam, size)) + state.score[:, :, None]
        # Twice as many as needed: at most ``beam`` of them end, so at least ``beam`` stay open.
        top, index = tf.math.top_k(tf.reshape(total, (batch, beam * size)), 2 * beam)  # (batch, 2 * beam)
        parent, chosen = index // size, index % size

        # Of the prefixes that end here, which are worthier than the best so far? Those beyond the beam do not count,
        # nor does what ends after the row is done.
        ends = ((chosen == END) | (step == length - 1)) & (tf.range(2 * beam) < beam) & (top > NEVER / 2)
        counts = ends & (state.finished < beam)[:, None]
        worth = tf.where(counts, top / tf.cast(step + 1, tf.float32) ** decoding.length_penalty, NEVER)[:, :beam]
        origin = tf.reshape((tf.range(batch)[:, None] * beam + parent)[:, :beam], (rows,))
        last = tf.reshape(chosen[:, :beam], (rows,))
        ended = tf.tensor_scatter_nd_update(tf.gather(state.ids, origin), _column(rows, step), last)
        # Those so far stand first, and of equals the first is taken.
        best_worth, which = tf.math.top_k(tf.concat([state.best_worth, worth], axis=1), kept)  # (batch, kept)
        best_ids = tf.concat([state.best_ids, tf.reshape(ended, (batch, beam, length))], axis=1)
        best_score = tf.concat([state.best_score, tf.where(counts, top, NEVER)[:, :beam]], axis=1)

        # The likeliest that go on become the new beam. They change places, and what they have written (ids, keys and
        # values) goes with them; what they read is the same for a whole beam.
        score, order = tf.math.top_k(tf.where(chosen == END, 2 * NEVER, top), beam)  # (batch, beam)
        token = tf.reshape(tf.gather(chosen, order, batch_dims=1), (rows,))
        origin = tf.reshape(tf.range(batch)[:, None] * beam + tf.gather(parent, order, batch_dims=1), (rows,))
        return (
            _Beam(
                step=step + 1,
                token=token,
                ids=tf.tensor_scatter_nd_update(tf.gather(state.ids, origin), _column(rows, step), token),
                score=score,
                best_ids=tf.gather(best_ids, which, batch_dims=1),
                best_worth=best_worth,
                best_score=tf.gather(best_score, which, batch_dims=1),
                finished=state.finished + tf.reduce_sum(tf.cast(ends, tf.int32), axis=1),
                cache=[(tuple(tf.gather(each, origin) for each in written), read) for written, read in cache],
            ),
        )

    start = _Beam(
        step=tf.constant(0),
        token=tf.fill((rows,), START),
        ids=tf.zeros((rows, length), tf.int32),
        # All prefixes of a row are the same at first: only one of them may be extended.
        score=tf.tile([[0.0] + [NEVER] * (beam - 1)], (batch, 1)),
        best_ids=tf.zeros((batch, kept, length), tf.int32),
        best_worth=tf.fill((batch, kept), NEVER),
        best_score=tf.fill((batch, kept), NEVER),
        finished=tf.zeros((batch,), tf.int32),
        cache=transformer.decoder.start(tf.repeat(memory, beam, axis=0), length),
    )
    (final,) = tf.while_loop(unfinished, extend, (start,), maximum_iterations=length)
    return Decoded(final.best_ids, final.best_score)


def make_scorer(transformer: Transformer) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """Compile a function of ``source`` ``(batch, source)`` and ``reply`` ``(batch, target)``, ids with ``[END]``.

    It returns log P of each reply, ``(batch,)``.
    """

    @tf.function(input_signature=[tf.TensorSpec((None, None), tf.int32)] * 2)
    def score(source: tf.Tensor, reply: tf.Tensor) -> tf.Tensor:
        target = tf.pad(reply[:, :-1], [[0, 0], [1, 0]], constant_values=START)
        logits = transformer({"source": source, "target": target})
        gained = tf.gather(tf.nn.log_softmax(logits), reply, batch_dims=2)  # (batch, target)
        return tf.reduce_sum(tf.where(reply == PAD, 0.0, gained), axis=1)

    return score


def _column(rows: tf.Tensor, step: tf.Tensor) -> tf.Tensor:
    """Indices of column ``step`` in every row, ``(rows, 2)``."""
    return tf.stack([tf.range(rows), tf.fill((rows,), step)], axis=1)
