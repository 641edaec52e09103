"""One reply with the attention that was paid for it: what the picture and the page show."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.checkpoint import Checkpoint
from model.dialogue import source_ids
from model.explain.pieces import Piece, pieces
from model.explain.trace import trace
from model.tokenizer import END, START
from model.transformer import Transformer


@dataclass(frozen=True)
class HeatMap:
    """Who looked at what: ``weights`` ``(layers, heads, rows, columns)``, each row summing to 1."""

    rows: list[Piece]
    columns: list[Piece]
    weights: np.ndarray


@dataclass(frozen=True)
class Explanation:
    """A reply and its three attentions.

    A row of ``cross`` and of ``decoder`` is a token of the reply, looked for when it was written: by then the decoder
    had read ``[START]`` and the tokens before it, which are the columns of ``decoder``. In ``encoder`` rows and columns
    are the conversation's tokens. ``probability`` is that of each token of the reply, given what stood before it.
    """

    message: str
    reply: str
    cross: HeatMap
    encoder: HeatMap
    decoder: HeatMap
    probability: list[float]


def explain(
    checkpoint: Checkpoint,
    turns: Sequence[str],
    reply: Sequence[int],
    *,
    reply_text: str,
    max_tokens: int,
    owner: str,
    bot: str,
) -> Explanation:
    """Look into the reply ``reply`` (ids without ``[END]``) to ``turns``, in float32.

    A reply that fills ``max_tokens`` was cut, so it has no ``[END]`` whose attention could be shown.
    """
    transformer = Transformer(checkpoint.config)
    transformer.set_named_weights(checkpoint.weights)
    source = source_ids(checkpoint.tokenizer, turns, checkpoint.config.max_source)
    read, written = [START, *reply][:max_tokens], [*reply, END][:max_tokens]
    seen = trace(transformer, np.array([source], "int32"), np.array([read], "int32"))

    def shown(ids: Sequence[int]) -> list[Piece]:
        return pieces(checkpoint.tokenizer, ids, owner=owner, bot=bot)

    logits = seen.logits[0].astype("float64")
    chances = np.exp(logits - logits.max(-1, keepdims=True))  # (target, vocabulary)
    chances /= chances.sum(-1, keepdims=True)
    return Explanation(
        message=turns[-1],
        reply=reply_text,
        cross=HeatMap(shown(written), shown(source), seen.cross[0]),
        encoder=HeatMap(shown(source), shown(source), seen.encoder[0]),
        decoder=HeatMap(shown(written), shown(read), seen.decoder[0]),
        probability=[float(chances[position, index]) for position, index in enumerate(written)],
    )
