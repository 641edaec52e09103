"""An encoder of their own for the heads, on a model of the smallest size."""

import random
from dataclasses import replace

import keras
import numpy as np
import pytest

from model.checkpoint import Checkpoint
from model.dialogue import source_ids
from model.heads import ALARM, QUESTIONS, Heads, Linear, head_shapes
from model.letters import letter_shapes
from model.phrases import phrase_shapes
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from tests.training.conftest import tiny
from training.corpus import Conversation
from training.corpus.messages import Message
from training.labels import UNKNOWN, Labelled
from training.listening import MISTAKEN, among_others, ordinary_turns, train_listener
from training.mixture import Mixture
from training.understanding import newest_turn_means

GRAVE = ["죽고 싶어", "살기 싫다", "사라지고 싶어", "다 끝내고 싶어", "나 없어도 되잖아"]
ASKING = ["너 누구야", "이름이 뭐야", "누가 만들었어", "사람이야?", "정체가 뭐니"]
LIGHT = ["배고파", "졸려", "오늘 비 온다", "시험 끝났다", "심심해", "집에 가고 싶어", "커피 마실래"]
ENDINGS = ["", " 진짜", " 요즘", "ㅠㅠ", " 정말로", " 그냥", " 자꾸", " 오늘", " 이제", " 너무"]


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    return Mixture(
        conversations=[
            Conversation(source="songys_chatbot", group=f"{text}{ending}{n}", turns=(f"{text}{ending} {n}", "네."))
            for text in LIGHT
            for ending in ENDINGS
            for n in range(8)
        ],
        families=[],
        messages=[
            *(Message(text + ending, crisis=True, form="own_direct") for text in GRAVE for ending in ENDINGS),
            *(Message(text + ending, crisis=False, form="who", identity=True) for text in ASKING for ending in ENDINGS),
        ],
    )


@pytest.fixture(scope="module")
def checkpoint(mixture: Mixture) -> Checkpoint:
    keras.utils.set_random_seed(0)
    tokenizer = Tokenizer.train([*mixture.words(0), *GRAVE, *ASKING], 300)
    config = replace(tiny(), vocabulary_size=tokenizer.size)
    rng = np.random.default_rng(0)
    heads = Heads.from_arrays(
        {name: rng.normal(size=shape).astype("float32") for name, shape in head_shapes(config.d_model).items()}
    )
    return Checkpoint(config, tokenizer, Transformer(config).named_weights(), {}, "0" * 12, heads)


def sureness(checkpoint: Checkpoint, heads: Heads, question: str, texts: list[str]) -> np.ndarray:
    transformer = Transformer(checkpoint.config)
    transformer.set_named_weights({**checkpoint.weights, **heads.encoder})
    means = newest_turn_means(transformer, checkpoint.tokenizer, texts)
    sources = [source_ids(checkpoint.tokenizer, [text], checkpoint.config.max_source) for text in texts]
    return heads.answers(means, sources, texts)[:, QUESTIONS.index(question)]


@pytest.fixture(scope="module")
def fitted(checkpoint: Checkpoint, mixture: Mixture) -> Heads:
    return train_listener(checkpoint, mixture, seed=1)


@pytest.mark.parametrize(
    ("question", "unheard"),
    [
        ("crisis", ["죽고 싶다고 했잖아", "이제 살기가 싫어", "사라지고 싶은 밤"]),
        ("identity", ["근데 너 누구야", "이름이 뭐야 너", "누가 너 만들었어"]),
    ],
)
def test_it_hears_what_it_has_not_read(
    checkpoint: Checkpoint, fitted: Heads, question: str, unheard: list[str]
) -> None:
    ordinary = ["배고픈데 뭐 먹지", "커피 마시고 싶어", "비 온다며"]
    assert (
        sureness(checkpoint, fitted, question, unheard).min() > sureness(checkpoint, fitted, question, ordinary).max()
    )


@pytest.mark.parametrize("question", ["crisis", "identity"])
def test_its_alarm_goes_off_for_few_ordinary_messages(
    checkpoint: Checkpoint, fitted: Heads, mixture: Mixture, question: str
) -> None:
    turns = ordinary_turns(mixture, "validation")
    ordinary = [turn.text for turn in turns if getattr(turn, question) == 0]
    assert len(ordinary) > 10
    mistaken = int((sureness(checkpoint, fitted, question, ordinary) > ALARM + 1e-3).sum())
    assert mistaken <= MISTAKEN[question] * len(ordinary) + 1


def test_letters_and_phrases_are_asked_as_well(checkpoint: Checkpoint, fitted: Heads) -> None:
    config = checkpoint.config
    assert {name: array.shape for name, array in fitted.letters.items()} == letter_shapes()
    shapes = phrase_shapes(config.vocabulary_size, config.d_model)
    assert {name: array.shape for name, array in fitted.phrases.items()} == shapes
    for said in ({"phrases": {}, "encoder": {}}, {"letters": {}, "encoder": {}}):
        alone = replace(fitted, **said, crisis=Linear(np.zeros((config.d_model, 1)), np.zeros(1)))
        grave, light = (sureness(checkpoint, alone, "crisis", texts) for texts in (GRAVE, LIGHT))
        assert grave.min() > light.max(), said


def test_its_encoder_is_another_one_and_complete(checkpoint: Checkpoint, fitted: Heads) -> None:
    assert set(fitted.encoder) == {name for name in checkpoint.weights if name.startswith(("encoder/", "embedding/"))}
    assert any((fitted.encoder[name] != checkpoint.weights[name]).any() for name in fitted.encoder)


def test_the_same_seed_fits_the_same(checkpoint: Checkpoint, fitted: Heads, mixture: Mixture) -> None:
    again = train_listener(checkpoint, mixture, seed=1)
    arrays = fitted.to_arrays()
    for name, array in again.to_arrays().items():
        np.testing.assert_allclose(array, arrays[name], atol=1e-4, err_msg=name)


def test_some_messages_come_among_ordinary_ones_and_say_what_they_said() -> None:
    grave = [Labelled(text, emotion=3, crisis=1, identity=0) for text in GRAVE]
    light = [Labelled(text, emotion=UNKNOWN, crisis=0, identity=0) for text in LIGHT]
    before = (grave + light) * 20
    after = among_others(before, random.Random(0))
    changed = [(one, other) for one, other in zip(before, after, strict=True) if one != other]
    assert 0.2 < len(changed) / len(before) < 0.4
    for one, other in changed:
        around = other.text.replace(one.text, "", 1).split("  ")
        assert one.text in other.text and all(any(text in part for text in LIGHT) for part in around)
        assert (other.crisis, other.identity, other.emotion) == (one.crisis, one.identity, UNKNOWN)
    assert among_others(grave, random.Random(0)) == grave, "nobody is ordinary there"


def test_a_question_without_examples_is_not_answered(checkpoint: Checkpoint, mixture: Mixture) -> None:
    assert train_listener(checkpoint, replace(mixture, messages=[]), seed=1) is checkpoint.heads
    grave = [message for message in mixture.messages if message.crisis]
    assert train_listener(checkpoint, replace(mixture, messages=grave), seed=1).identity is None


def test_a_checkpoint_without_heads_is_refused(checkpoint: Checkpoint, mixture: Mixture) -> None:
    with pytest.raises(ValueError, match="no heads"):
        train_listener(replace(checkpoint, heads=None), mixture, seed=1)
