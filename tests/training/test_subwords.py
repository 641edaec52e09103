"""Other parts of the same words."""

import random

import pytest

from model.tokenizer import Tokenizer
from training.subwords import CuttingTokenizer

TEXTS = ["오늘 면접 봤어", "면접이 걱정돼요", "오늘은 어땠어요?", "오늘도 면접 준비"] * 5


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(TEXTS, 330)


def test_cuts_change_the_parts_and_not_the_text(tokenizer: Tokenizer) -> None:
    cutting = CuttingTokenizer.of(tokenizer, 0.3, random.Random(0))
    readings = [cutting.encode("오늘 면접 봤어") for _ in range(20)]
    assert len({tuple(ids) for ids in readings}) > 3
    assert {cutting.decode(ids) for ids in readings} == {"오늘 면접 봤어"}


def test_without_cuts_it_reads_as_ever(tokenizer: Tokenizer) -> None:
    assert CuttingTokenizer.of(tokenizer, 0, random.Random(0)).encode("오늘 면접 봤어") == tokenizer.encode(
        "오늘 면접 봤어"
    )


def test_replies_are_never_cut(tokenizer: Tokenizer) -> None:
    cutting = CuttingTokenizer.of(tokenizer, 1, random.Random(0))
    assert cutting.encode_own("<bot>, 오늘 어땠어요?") == tokenizer.encode_own("<bot>, 오늘 어땠어요?")
