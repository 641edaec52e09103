"""Swearing is told from words that only look like it."""

import pytest

from model.profanity import is_profane
from training.corpus import read_own


@pytest.mark.parametrize(
    "text",
    ["씨발 뭐야", "아 시발.", "ㅅㅂ 진짜", "병신같은 소리", "존나 웃기네요.", "지랄하지 마세요.", "이 새끼가", "미친놈이네요.", "입 닥치세요.", "개 같은 새끼, 미친 새끼"],
)  # fmt: skip
def test_a_swear_word_is_found(text: str) -> None:
    assert is_profane(text)


@pytest.mark.parametrize(
    "text",
    [
        "다시 발을 내디뎌 봐요.", "오늘의 시발점이에요.", "새끼손가락을 걸어요.", "이 새끼 고양이 귀엽네요.", "병신년에 태어나셨군요.", "불이 꺼져요.",
        "시련이 닥쳐도 괜찮아요.", "잠자지 마세요.", "보지 못했어요.", "껌을 씹으세요.", "졸라 대는 아이", "미친 듯이 일했군요.", "올해는 몇 년이에요?", "ㅂㅅㅈ", "개학이에요.",
        "작년 이 시간", "오개년 계획이에요.", "다시팔았어요.", "걸레로 닦아요.", "무지개 년도", "그 새끼줄을 꼬아요.",
    ],
)  # fmt: skip
def test_a_harmless_word_is_left_alone(text: str) -> None:
    assert not is_profane(text)


def test_no_reply_that_ships_swears() -> None:
    dialogues, families = read_own()
    replies = [reply for dialogue in dialogues for reply in dialogue.turns[1::2]]
    replies += [reply for family in families for part in (family.first, family.next) if part for reply in part.bot]
    assert not [reply for reply in replies if is_profane(reply)]
