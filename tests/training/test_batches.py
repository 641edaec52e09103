"""Three arrays, every reply once, little padding."""

import random
from dataclasses import replace

import numpy as np
import pytest

from model.config import preset
from model.tokenizer import BOT, END, PAD, START, Tokenizer
from training.batches import bucketed, examples, padded
from training.corpus import Conversation
from training.mixture import Mixture


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(["오늘 뭐 했어요? 밥 먹었어요."] * 5, 300)


def test_every_exchange_is_an_example_with_its_context(tokenizer: Tokenizer) -> None:
    talk = Conversation(source="s", group="g", turns=("안녕", "네.", "밥 먹었어?", "저는 못 먹어요."))
    first, second = examples([talk], tokenizer, preset("default"))
    assert tokenizer.decode(first.source) == "안녕"
    assert tokenizer.decode(second.source) == "밥 먹었어? 네. 안녕"
    assert BOT in second.source
    assert examples([talk], tokenizer, preset("default"), last_turn_only=True) == [second]


def test_the_label_is_the_target_moved_by_one(tokenizer: Tokenizer, mixture: Mixture) -> None:
    for batch in bucketed(examples(mixture.conversations, tokenizer, preset("default")), 8):
        assert (batch.target[:, 0] == START).all()
        real = batch.label != PAD
        assert (batch.label[real & (np.cumsum(real[:, ::-1], 1)[:, ::-1] == 1)] == END).all()
        assert (batch.target[:, 1:] == np.where(batch.label == END, PAD, batch.label)[:, :-1]).all()


def test_shuffling_loses_and_doubles_nothing(tokenizer: Tokenizer, mixture: Mixture) -> None:
    rows = examples(mixture.conversations, tokenizer, preset("default"))

    def seen(rng: random.Random | None) -> list[tuple[int, ...]]:
        return [
            (*source[source != PAD].tolist(), -1, *label[label != PAD].tolist())
            for batch in bucketed(rows, 7, rng)
            for source, label in zip(batch.source, batch.label, strict=True)
        ]

    everything = sorted((*row.source, -1, *row.label) for row in rows)
    assert sorted(seen(None)) == everything
    assert sorted(seen(random.Random(1))) == everything
    assert seen(random.Random(1)) == seen(random.Random(1)) != seen(random.Random(2))


def test_buckets_save_padding(tokenizer: Tokenizer) -> None:
    talks = [Conversation(source="s", group="g", turns=("밥 " * (1 + n % 30), "네.")) for n in range(300)]
    rows = examples(talks, tokenizer, preset("default"))
    real = sum(len(row.source) for row in rows)
    in_buckets = sum(batch.source.size for batch in bucketed(rows, 10, random.Random(0)))
    in_order = sum(padded([row.source for row in rows[i : i + 10]]).size for i in range(0, 300, 10))
    assert in_buckets < 1.2 * real
    assert in_buckets < 0.85 * in_order


def test_where_shapes_are_dear_there_are_four_and_every_batch_is_full(tokenizer: Tokenizer) -> None:
    talks = [
        Conversation(source="s", group="g", turns=("밥 " * (1 + n // 12), "네, " * (1 + n // 60))) for n in range(300)
    ]
    config = replace(preset("default"), max_source=104, max_target=72)
    rows = examples(talks, tokenizer, config)
    batches = list(bucketed(rows, 16, random.Random(0), few=config))
    shapes = {(batch.source.shape, batch.target.shape, batch.label.shape) for batch in batches}
    allowed = {((16, s), (16, t), (16, t)) for s, t in ((13, 9), (26, 18), (52, 36), (104, 72))}
    assert len(shapes) > 1
    assert shapes <= allowed
    assert sum(batch.tokens for batch in batches) == sum(len(row.label) for row in rows)
