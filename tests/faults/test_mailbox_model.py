"""A short walk of the mailbox beside its model; the long one is a command of tests/faults/mailbox_model.py."""

from tests.faults.mailbox_model import walk

STEPS = 300


def test_the_mailbox_keeps_to_its_model(redis_url: str) -> None:
    taken = walk(redis_url, STEPS)
    assert taken.total() >= STEPS / 2  # some rules have nothing to act upon
