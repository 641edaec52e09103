"""An epoch's batches, and the next one's made ahead."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest

from model.tokenizer import Tokenizer
from tests.training.conftest import pairs_mixture, tiny
from training.batches import Batch
from training.epoch import Epochs, made_ahead


@pytest.fixture(scope="module")
def epochs() -> Epochs:
    mixture = pairs_mixture()
    mixture = replace(mixture, recipe=replace(mixture.recipe, typing_noise=0.5, subword_cuts=0.1))
    tokenizer = Tokenizer.train(mixture.words(0), 400)
    return Epochs(mixture, tokenizer, replace(tiny(), vocabulary_size=tokenizer.size), 16, seed=3, few=None)


def alike(some: list[Batch], others: list[Batch]) -> bool:
    return len(some) == len(others) and all(
        np.array_equal(vars(one)[name], vars(other)[name])
        for one, other in zip(some, others, strict=True)
        for name in vars(one)
    )


def test_an_epoch_is_always_the_same_and_the_next_another(epochs: Epochs) -> None:
    assert alike(epochs.batches(2), epochs.batches(2))
    assert not alike(epochs.batches(2), epochs.batches(3))


def test_what_is_made_ahead_is_what_would_have_been_made_here(epochs: Epochs) -> None:
    with made_ahead(epochs, last=3) as take:
        for number in (1, 2, 3):
            assert alike(take(number), epochs.batches(number))


def test_what_a_killed_process_owed_is_made_here(epochs: Epochs) -> None:
    with made_ahead(epochs, last=2) as take:
        take(1)
        for process in multiprocessing.active_children():
            process.kill()
            process.join(60)
        assert alike(take(2), epochs.batches(2))


def test_who_makes_ahead_ends_with_the_run(epochs: Epochs) -> None:
    with made_ahead(epochs, last=9) as take:
        take(1)
    for process in multiprocessing.active_children():
        process.join(60)
        assert process.exitcode is not None
