"""What a step of decoding may choose from, and how gladly: each of these takes logits and gives them back, changed."""

import tensorflow as tf

from model.tokenizer import PAD

NEVER = -1e9  # the log P of what cannot be


def nucleus(logits: tf.Tensor, top_p: float) -> tf.Tensor:
    """``logits`` ``(batch, vocabulary)`` with all but the likeliest tokens that together have ``top_p`` ruled out."""
    ordered = tf.sort(logits, direction="DESCENDING", axis=-1)
    before = tf.cumsum(tf.nn.softmax(ordered), axis=-1, exclusive=True)  # probability of all likelier ones
    # The least likely token that is still in; the likeliest always is.
    threshold = tf.reduce_min(tf.where(before < top_p, ordered, tf.float32.max), axis=-1, keepdims=True)
    return tf.where(logits < threshold, NEVER, logits)


def without(logits: tf.Tensor, never: tf.Tensor) -> tf.Tensor:
    """``logits`` ``(…, vocabulary)`` with the tokens ``never`` ``(number,)`` ruled out."""
    return logits + tf.reduce_sum(tf.one_hot(never, tf.shape(logits)[-1], on_value=NEVER), axis=0)


def beginning(logits: tf.Tensor, begins: tuple[int, ...], step: tf.Tensor) -> tf.Tensor:
    """``logits`` ``(rows, vocabulary)`` for the token at ``step`` with all but ``begins[step]`` ruled out, if any."""
    if not begins:
        return logits
    wanted = tf.gather(begins, tf.minimum(step, len(begins) - 1))
    only = tf.one_hot(wanted, tf.shape(logits)[-1], on_value=0.0, off_value=NEVER)
    return tf.where(step < len(begins), logits + only, logits)


def block_repeats(logits: tf.Tensor, ids: tf.Tensor, step: tf.Tensor, n: int) -> tf.Tensor:
    """Rule out each token that would complete an ``n``-gram already in ``ids``.

    Args:
        logits: ``(rows, vocabulary)`` for the token at ``step``.
        ids: ``(rows, length)``, written up to ``step``.
        step: a scalar.
        n: 0 rules nothing out.
    """
    length = ids.shape[1]
    if not n or length < n:
        return logits
    starts = tf.range(length - n + 1)  # of every n-gram that may stand there
    matches = tf.fill((tf.shape(ids)[0], length - n + 1), True) & (starts + n <= step)
    for offset in range(n - 1):
        newest = tf.gather(ids, tf.maximum(step - n + 1 + offset, 0), axis=1)[:, None]  # (rows, 1)
        matches &= ids[:, offset : length - n + 1 + offset] == newest
    row, start = tf.unstack(tf.where(matches), axis=1)
    banned = tf.gather_nd(ids, tf.stack([row, start + n - 1], axis=1))
    where = tf.stack([row, tf.cast(banned, tf.int64)], axis=1)
    return tf.tensor_scatter_nd_min(logits, where, tf.fill((tf.shape(where)[0],), NEVER))


def penalize_repeats(logits: tf.Tensor, ids: tf.Tensor, penalty: float) -> tf.Tensor:
    """Make each token that stands in ``ids`` already less likely to be written again (Keskar et al. 2019, section 4.1).

    Args:
        logits: ``(rows, vocabulary)``.
        ids: ``(rows, length)``, padded with 0.
        penalty: what a logit is divided by, or multiplied with where it is below 0; 1 changes nothing.
    """
    if penalty == 1:
        return logits
    rows = tf.tile(tf.range(tf.shape(ids)[0])[:, None], (1, ids.shape[1]))
    old = tf.gather(logits, ids, batch_dims=1)  # (rows, length)
    new = tf.where(ids == PAD, old, tf.where(old < 0, old * penalty, old / penalty))
    # A token that stands there twice is written here twice, with the same number.
    return tf.tensor_scatter_nd_update(logits, tf.stack([rows, ids], axis=2), new)
