"""A sentence with holes, and the whole of it as what is to be written."""

import random
from dataclasses import replace

from model.config import DEFAULT
from model.tokenizer import BOT, END, START, Tokenizer
from training.denoising import damaged, damaged_order, restoration

TEXT = "영화 보다가 마지막 장면에서 펑펑 울었다"


def test_about_a_third_is_gone_and_the_rest_stays_in_order() -> None:
    ids = list(range(100, 150))
    for seed in range(30):
        left = damaged(ids, random.Random(seed))
        assert 30 <= len(left) <= 35
        assert left == sorted(left)


def test_something_always_stays() -> None:
    assert all(damaged([7], random.Random(seed)) == [7] for seed in range(5))
    assert all(len(damaged([7, 8], random.Random(seed))) == 1 for seed in range(5))


def test_words_are_moved_not_lost() -> None:
    orders = {damaged_order(TEXT, random.Random(seed)) for seed in range(20)}
    assert TEXT in orders and len(orders) > 3
    assert all(sorted(order.split()) == sorted(TEXT.split()) for order in orders)


def test_the_source_says_that_it_is_no_conversation_and_the_target_is_the_sentence() -> None:
    tokenizer = Tokenizer.train([TEXT] * 5, 330)
    config = replace(DEFAULT, max_source=10, max_target=80)
    example = restoration(TEXT, tokenizer, config, random.Random(0))
    assert example.source[:2] == [START, BOT] and example.source[-1] == END
    assert len(example.source) <= 10
    assert tokenizer.decode(example.label) == TEXT
