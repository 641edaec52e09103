"""The heads read the newest turn alone, and what they say are probabilities."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pytest

from model.dialogue import source_ids
from model.emotions import CODES, GROUPS
from model.heads import QUESTIONS, Heads, Understanding, head_shapes, newest_turn, newest_turn_mean, understandings
from model.letters import letter_logits, letter_shapes
from model.phrases import phrase_logits, phrase_shapes
from model.tokenizer import END, START, USER, Tokenizer

RNG = np.random.default_rng(0)
IDS = [START, USER, 280, 281, END]


def random_heads(d_model: int, scale: float = 1.0, more: Mapping[str, tuple[int, ...]] = MappingProxyType({})) -> Heads:
    shapes = {**head_shapes(d_model), **more}
    return Heads.from_arrays({name: RNG.normal(size=shape, scale=scale) for name, shape in shapes.items()})


def test_the_newest_turn_is_the_same_alone_and_after_others(tokenizer: Tokenizer) -> None:
    alone = np.array([source_ids(tokenizer, ["친구랑 싸웠어"], 64)])
    later = np.array([source_ids(tokenizer, ["배고프다", "따뜻한 국물은 어때요?", "친구랑 싸웠어"], 64)])
    chosen = [ids[newest_turn(ids)].tolist() for ids in (alone, later)]
    assert chosen[0] == chosen[1] == [START, USER, *tokenizer.encode("친구랑 싸웠어")]


def test_its_mean_takes_in_neither_history_nor_padding() -> None:
    source = np.array([[1, 3, 50, 51, 4, 60, 2, 0], [1, 3, 50, 2, 0, 0, 0, 0]])
    memory = RNG.normal(size=(2, 8, 16))
    expected = [memory[0, :4].mean(axis=0), memory[1, :3].mean(axis=0)]
    np.testing.assert_allclose(newest_turn_mean(memory, source), expected)


def test_probabilities_add_up_and_the_likeliest_is_named() -> None:
    for said in understandings(random_heads(16), RNG.normal(size=(5, 16)), [IDS] * 5, ["배고파"] * 5):
        assert sum(said.groups.values()) == pytest.approx(1)
        assert tuple(said.groups) == GROUPS
        assert said.emotion in CODES and 1 / 60 < said.probability <= said.groups[GROUPS[int(said.emotion[1]) - 1]]
        assert 0 < said.crisis < 1


def test_large_logits_do_not_overflow() -> None:
    heads = random_heads(16, scale=1e4)
    with np.errstate(all="raise", under="ignore"):
        (said,) = understandings(heads, np.ones((1, 16)), [IDS], [""])
    assert isinstance(said, Understanding) and np.isfinite([said.probability, said.crisis]).all()


def test_heads_come_back_from_their_arrays() -> None:
    heads = random_heads(16)
    again = Heads.from_arrays(heads.to_arrays())
    assert all(np.array_equal(array, again.to_arrays()[name]) for name, array in heads.to_arrays().items())
    assert {name: array.shape for name, array in heads.to_arrays().items()} == head_shapes(16)


def test_who_else_was_taught_has_an_equal_say() -> None:
    heads = random_heads(16, 0.3, {**letter_shapes(), **phrase_shapes(300, 16)})
    pooled, message = RNG.normal(size=(1, 16)), "배고파"
    assert heads.identity is not None
    asked = [
        [heads.crisis(pooled)[0, 0], heads.identity(pooled)[0, 0]],
        letter_logits(heads.letters, message),
        phrase_logits(heads.phrases, [IDS])[0],
    ]
    (sure,) = heads.answers(pooled, [IDS], [message])
    np.testing.assert_allclose(np.log(sure / (1 - sure)), np.mean(asked, axis=0), rtol=1e-6)
    assert heads.readers == 3 and len(QUESTIONS) == 2
    again = Heads.from_arrays(heads.to_arrays())
    assert set(again.letters) == set(letter_shapes()) and set(again.phrases) == set(phrase_shapes(300, 16))
    assert again.encoder == {}
