"""The cache, the batch and the search change nothing that they should not."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

from model.config import ModelConfig
from model.constraints import without
from model.decoding import make_decoder
from model.options import Decoding, DecodingError
from model.tokenizer import END, NEVER_WRITTEN, OWNER_NAME, PAD, START
from model.transformer import Transformer
from tests.model.shaken import shaken

SEED = tf.constant([3, 0], tf.int32)
SOURCES = [[1, 3, 290, 300, 310, 2], [1, 3, 270, 2], [1, 3, 300, 301, 302, 303, 304, 2], [1, 3, 265, 266, 2]]


@pytest.fixture(scope="module")
def model(tiny: ModelConfig) -> Transformer:
    """A model that ends its replies at different lengths: random, with ``[END]`` made likely."""
    keras.utils.set_random_seed(11)
    model = shaken(Transformer(tiny), seed=2)
    weights = model.named_weights()
    weights["embedding/embedding/embeddings"][END] *= 2.0
    model.set_named_weights(weights)
    return model


def batch(sources: list[list[int]]) -> tf.Tensor:
    longest = max(map(len, sources))
    return tf.constant([[*ids, *[PAD] * (longest - len(ids))] for ids in sources], tf.int32)


def written(row: np.ndarray) -> list[int]:
    return [int(index) for index in row if index != PAD]


def log_probability(model: Transformer, source: list[int], reply: list[int]) -> float:
    """log P of ``reply`` by the uncached forward pass."""
    logits = model({"source": np.array([source]), "target": np.array([[START, *reply[:-1]]])})
    table = tf.nn.log_softmax(without(logits, NEVER_WRITTEN))[0].numpy()
    return float(sum(table[position, index] for position, index in enumerate(reply)))


def test_the_cache_gives_what_the_whole_prefix_gives(model: Transformer) -> None:
    decode = make_decoder(model, Decoding(method="greedy", max_tokens=16, repetition_penalty=1, no_repeat_ngram=0))
    replies = decode(batch(SOURCES), SEED)
    for source, ids, score in zip(SOURCES, replies.ids.numpy(), replies.score.numpy(), strict=True):
        reply: list[int] = []
        while len(reply) < 16 and (not reply or reply[-1] != END):
            logits = model({"source": np.array([source]), "target": np.array([[START, *reply]])})
            reply.append(int(np.argmax(without(logits[0, -1], NEVER_WRITTEN))))
        assert written(ids) == reply
        assert score == pytest.approx(log_probability(model, source, reply), abs=1e-3)


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_a_padded_batch_gives_what_single_rows_give(model: Transformer, method: str) -> None:
    decode = make_decoder(model, Decoding(method=method, max_tokens=16, repetition_penalty=1))  # type: ignore[arg-type]
    together = decode(batch(SOURCES), SEED)
    lengths = {len(written(row)) for row in together.ids.numpy()}
    assert len(lengths) > 1, "rows that finish at different steps are what this is about"
    for index, source in enumerate(SOURCES):
        alone = decode(batch([source]), SEED)
        assert written(alone.ids.numpy()[0]) == written(together.ids.numpy()[index])
        assert float(alone.score[0]) == pytest.approx(float(together.score[index]), abs=1e-3)


@pytest.mark.parametrize("method", ["greedy", "beam"])
def test_a_reply_begins_as_it_must_and_goes_on_as_it_would(model: Transformer, method: str) -> None:
    decoding = Decoding(method=method, beam_size=3, max_tokens=12, repetition_penalty=1)
    begins = (OWNER_NAME, 280)
    found = make_decoder(model, decoding, begins=begins)(batch(SOURCES), SEED)
    for source, ids in zip(SOURCES, found.ids.numpy(), strict=True):
        reply = written(ids)
        assert tuple(reply[:2]) == begins
        if method == "greedy":
            logits = model({"source": np.array([source]), "target": np.array([[START, *begins]])})
            assert reply[2] == int(np.argmax(without(logits[0, -1], NEVER_WRITTEN)))


def test_a_beam_of_one_is_greedy(model: Transformer) -> None:
    greedy = make_decoder(model, Decoding(method="greedy", max_tokens=16))(batch(SOURCES), SEED)
    beam = make_decoder(model, Decoding(method="beam", beam_size=1, max_tokens=16))(batch(SOURCES), SEED)
    assert [written(row) for row in beam.ids.numpy()] == [written(row) for row in greedy.ids.numpy()]


def test_a_wide_beam_finds_the_best_of_all_short_replies(model: Transformer) -> None:
    """Two tokens can be enumerated: the search must find their optimum."""
    size = model.config.vocabulary_size
    logits = model({"source": np.array([SOURCES[0]]), "target": np.array([[START]])})
    first = tf.nn.log_softmax(without(logits, NEVER_WRITTEN))[0, 0].numpy()
    openers = [index for index in np.argsort(first)[::-1][:32] if index != END]
    firsts = np.array([[START, index] for index in openers])
    logits = model({"source": np.array([SOURCES[0]] * len(firsts)), "target": firsts})
    second = tf.nn.log_softmax(without(logits, NEVER_WRITTEN))[:, 1].numpy()
    best = max(
        [(first[END], [END])]
        + [
            ((first[opener] + second[row, index]) / 2, [opener, index])
            for row, opener in enumerate(openers)
            for index in range(size)
        ]
    )
    decode = make_decoder(
        model, Decoding(method="beam", beam_size=32, max_tokens=2, repetition_penalty=1, no_repeat_ngram=0)
    )
    result = decode(batch([SOURCES[0]]), SEED)
    assert written(result.ids.numpy()[0]) == [int(index) for index in best[1]]


def test_a_beam_gives_what_it_found_in_the_order_of_its_worth(model: Transformer) -> None:
    several = make_decoder(model, Decoding(candidates=3, max_tokens=8, repetition_penalty=1, no_repeat_ngram=0))(
        batch(SOURCES), SEED
    )
    alone = make_decoder(model, Decoding(candidates=1, max_tokens=8, repetition_penalty=1, no_repeat_ngram=0))(
        batch(SOURCES), SEED
    )
    assert several.ids.numpy().tolist() == alone.ids.numpy().tolist()
    for source, row, scores in zip(SOURCES, several.candidates.numpy(), several.scores.numpy(), strict=True):
        replies = [written(ids) for ids in row]
        assert len({tuple(reply) for reply in replies}) == 3
        worths = [score / len(reply) for score, reply in zip(scores, replies, strict=True)]
        assert worths == sorted(worths, reverse=True)
        for reply, score in zip(replies, scores, strict=True):
            assert score == pytest.approx(log_probability(model, source, reply), abs=1e-3)


def test_no_ngram_is_written_twice(model: Transformer) -> None:
    for method in ("greedy", "beam", "sample"):
        decode = make_decoder(model, Decoding(method=method, max_tokens=32, no_repeat_ngram=2))  # type: ignore[arg-type]
        for row in decode(batch(SOURCES), SEED).ids.numpy():
            pairs = list(itertools.pairwise(written(row)))
            assert len(pairs) == len(set(pairs))


def test_sampling_repeats_by_seed_and_differs_without(model: Transformer) -> None:
    decode = make_decoder(model, Decoding(method="sample", temperature=1.5, max_tokens=16))
    first, again = decode(batch(SOURCES), SEED), decode(batch(SOURCES), SEED)
    other = decode(batch(SOURCES), tf.constant([4, 0], tf.int32))
    assert first.ids.numpy().tolist() == again.ids.numpy().tolist()
    assert first.ids.numpy().tolist() != other.ids.numpy().tolist()


def test_options_out_of_range_are_refused_by_name() -> None:
    for name, value in (
        ("beam_size", 0),
        ("top_p", 0.0),
        ("temperature", -1.0),
        ("max_tokens", 0),
        ("method", "magic"),
    ):
        with pytest.raises(DecodingError, match=name):
            Decoding(**{name: value})  # type: ignore[arg-type]
