"""Figures that can be checked by hand."""

import math

import numpy as np
import pytest

from model.config import PRESETS, ModelConfig
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from training.batches import Example, examples
from training.evaluation import hits_at_1, likelihood, shuffled
from training.loss import TokenScores
from training.mixture import Mixture


@pytest.fixture(scope="module")
def tokenizer(mixture: Mixture) -> Tokenizer:
    return Tokenizer.train([turn for talk in mixture.conversations for turn in talk.turns], 400)


@pytest.fixture
def config(tokenizer: Tokenizer) -> ModelConfig:
    return ModelConfig.from_dict({**PRESETS["tiny"].to_dict(), "vocabulary_size": tokenizer.size})


@pytest.fixture
def indifferent(config: ModelConfig) -> TokenScores:
    """A model to whom every token is as likely as any other."""
    transformer = Transformer(config)
    weights = transformer.named_weights()
    transformer.set_named_weights({name: np.zeros_like(weight) for name, weight in weights.items()})
    scores = TokenScores(transformer)
    scores.compile()
    return scores


def test_indifference_costs_the_logarithm_of_the_vocabulary(
    indifferent: TokenScores, tokenizer: Tokenizer, config: ModelConfig, mixture: Mixture
) -> None:
    rows = examples(mixture.conversations, tokenizer, config)
    figures = likelihood(indifferent, rows, tokenizer)
    nats = math.log(tokenizer.size)
    tokens = sum(len(row.label) for row in rows)
    characters = sum(len(talk.turns[1]) for talk in mixture.conversations)
    assert figures["examples"] == len(rows)
    assert figures["tokens"] == tokens
    assert figures["loss"] == pytest.approx(nats, rel=1e-4)
    assert figures["perplexity"] == pytest.approx(tokenizer.size, rel=1e-3)
    assert figures["bits_per_character"] == pytest.approx(nats / math.log(2) * tokens / characters, rel=1e-4)


def test_one_example_costs_what_the_plain_forward_pass_says(
    tokenizer: Tokenizer, config: ModelConfig, mixture: Mixture
) -> None:
    transformer = Transformer(config)
    scores = TokenScores(transformer)
    scores.compile()
    [row] = examples(mixture.conversations[:1], tokenizer, config)
    logits = np.array(transformer({"source": np.array([row.source]), "target": np.array([row.target])}))[0]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    expected = -np.mean([log_p[position, index] for position, index in enumerate(row.label)])
    assert likelihood(scores, [row], tokenizer)["loss"] == pytest.approx(expected, rel=1e-4)


def test_who_cannot_tell_replies_apart_hits_by_chance(
    tokenizer: Tokenizer, config: ModelConfig, mixture: Mixture
) -> None:
    transformer = Transformer(config)
    scores = TokenScores(transformer)
    scores.compile()
    rows = examples(mixture.conversations, tokenizer, config)
    # Eight different replies: chance is one in eight.
    assert hits_at_1(scores, rows, limit=80) < 0.5


def test_shuffling_gives_everybody_a_foreign_source() -> None:
    rows = [Example([index], [1, index], [index, 2]) for index in range(50)]
    mixed = shuffled(rows)
    assert sorted(row.source[0] for row in mixed) == list(range(50))
    assert all(row.source[0] != row.label[0] for row in mixed)
    assert [row.label for row in mixed] == [row.label for row in rows]
