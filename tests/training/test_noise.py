"""What a person in a hurry makes of a sentence."""

import random
from collections.abc import Callable

import pytest

from training.noise import as_typed, with_a_slip, with_another_ending, with_letters, without_marks, without_spaces


@pytest.mark.parametrize(
    ("rule", "text", "typed"),
    [
        (without_marks, "오늘, 면접 봤어요!", "오늘 면접 봤어요"),
        (with_another_ending, "오늘 면접 봤어", "오늘 면접 봤어"),  # no ending that it knows: better left alone
        (with_another_ending, "비가 올 거야.", "비가 올 거예요."),
        (with_another_ending, "집에 가고 싶어요", "집에 가고 싶어"),
        (with_a_slip, "며칠 쉬었어", "몇일 쉬었어"),
        (with_letters, "망했다 ㅠㅠ", "망했다 "),
    ],
)
def test_each_rule_does_one_thing(rule: Callable[[str, random.Random], str], text: str, typed: str) -> None:
    assert rule(text, random.Random(0)) == typed


def test_spaces_fall_out_and_nothing_else() -> None:
    text = "나 오늘 회사에서 또 혼났어"
    typed = {without_spaces(text, random.Random(seed)) for seed in range(20)}
    assert len(typed) > 5
    assert {each.replace(" ", "") for each in typed} == {text.replace(" ", "")}


def test_a_message_never_becomes_empty_and_comes_out_the_same_for_a_seed() -> None:
    for text in ("?", "ㅠㅠ", "응", "오늘 진짜 너무 힘들었어요."):
        for seed in range(50):
            typed = as_typed(text, random.Random(seed))
            assert typed == as_typed(text, random.Random(seed))
            assert typed.strip()
