"""Macro-F1, precision and recall, worked out by hand."""

import pytest

from model.emotions import CODES, GROUPS
from model.heads import Understanding
from training.corpus import Conversation
from training.corpus.messages import Message
from training.labels import Labelled
from training.mixture import Mixture, split_of
from training.understanding import held_out_messages, macro_f1, understanding_figures

HELD_OUT = [group for group in map(str, range(500)) if split_of(group) == "test"]


def said(code: str, crisis: float = 0.0) -> Understanding:
    groups = {group: float(index == int(code[1]) - 1) for index, group in enumerate(GROUPS)}
    return Understanding(code, 0.6, groups, crisis)


def felt(code: str | None) -> Labelled:
    return Labelled("속상해", CODES.index(code) if code else -1, -1)


def test_macro_f1_counts_every_class_alike() -> None:
    assert macro_f1([0, 0, 0, 1], [0, 0, 1, 1]) == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert macro_f1([0, 1], [0, 2]) == pytest.approx(1 / 2)  # a class that does not occur has no F1 of its own
    assert macro_f1([], []) is None


def test_a_neighbouring_emotion_is_right_by_its_group() -> None:
    figures = understanding_figures([said("E11"), said("E60"), said("E33")], [felt("E12"), felt("E60"), felt(None)])
    assert (figures["group_f1"], figures["emotion_f1"], figures["emotion_messages"]) == (1.0, 0.5, 2)


def test_crisis_is_judged_at_the_threshold_and_where_it_is_known() -> None:
    rows = [said("E20", crisis) for crisis in (0.9, 0.4, 0.8, 0.1, 0.99)]
    messages = [Labelled("사라지고 싶어", -1, label) for label in (1, 1, 0, 0, -1)]
    figures = understanding_figures(rows, messages)
    assert (figures["crisis_precision"], figures["crisis_recall"]) == (0.5, 0.5)
    assert (figures["crisis_messages"], figures["messages"]) == (2, 4)
    assert understanding_figures(rows, messages, threshold=0.3)["crisis_recall"] == 1.0


def test_without_labels_there_are_no_figures() -> None:
    figures = understanding_figures([said("E20")], [Labelled("안녕", -1, 0)])
    assert [figures[key] for key in ("group_f1", "emotion_f1", "crisis_precision", "crisis_recall")] == [None] * 4


def test_held_out_messages_are_our_own_once_each() -> None:
    talk = Conversation(
        source="dialogues", group=HELD_OUT[0], turns=("속상해", "무슨 일이에요?", "그냥", "그렇군요."), kind="emotion",
        emotion="E21",
    )  # fmt: skip
    foreign = Conversation(source="songys_chatbot", group=HELD_OUT[1], turns=("안녕", "안녕하세요."))
    alone = [Message(f"사라지고 싶어 {number}", crisis=True, form="own_direct") for number in range(200)]
    first, *others = held_out_messages(
        Mixture(conversations=[talk, talk, foreign], families=[], messages=alone), "test"
    )
    assert first == Labelled("속상해", CODES.index("E21"), 0)
    assert 0 < len(others) < 50 and {message.crisis for message in others} == {1}
