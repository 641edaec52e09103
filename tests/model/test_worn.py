"""What the bot has said twice and the person does not take up is left; everything else may be said."""

import pytest

from model.checkpoint import PRETRAINED, load_checkpoint
from model.engine import EngineKind, load_engine
from model.tokenizer import Tokenizer
from model.worn import worn_tokens

TALK = ["떡볶이 먹고 싶다", "떡볶이가 먹고 싶군요.", "배달비가 비싸", "배달비가 비싸면 떡볶이도 비싸지요."]


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_checkpoint(PRETRAINED).tokenizer


def words(tokenizer: Tokenizer, turns: list[str]) -> set[str]:
    return {tokenizer.tokens[index].strip() for index in worn_tokens(tokenizer, turns)}


def test_a_word_said_twice_is_worn_by_whatever_token_it_may_begin(tokenizer: Tokenizer) -> None:
    found = words(tokenizer, [*TALK, "남자친구랑 싸웠어"])
    assert {"떡", "떡볶"} <= found
    assert all(token[:1] == "떡" for token in found)


@pytest.mark.parametrize("message", ["떡볶이 대신 뭐 먹지", "떡볶이가 그렇게 비싸?"])
def test_what_the_person_takes_up_is_not(tokenizer: Tokenizer, message: str) -> None:
    assert words(tokenizer, [*TALK, message]) == set()


def test_nor_what_was_said_once_or_a_syllable_that_the_message_needs(tokenizer: Tokenizer) -> None:
    assert words(tokenizer, [*TALK[:2], "배달비가 비싸"]) == set()
    assert "떡" not in words(tokenizer, [*TALK, "떡국도 좋아해"])


@pytest.mark.parametrize("kind", ["ctranslate2", "tensorflow"])
def test_both_engines_leave_it(kind: EngineKind) -> None:
    (reply,) = load_engine(PRETRAINED, kind).reply([[*TALK, "남자친구랑 싸웠어"]])
    assert "떡볶" not in reply.text
    assert all("떡볶" not in other.text for other in reply.others)
