"""Training loses what it must not learn; what was held out stays what it was."""

import random
import time
from collections.abc import Callable

import pytest

from training.corpus import Conversation, read_own
from training.corpus.cleaning import clean, tidy
from training.corpus.likeness import LikenessIndex, shingles
from training.mixture import Mixture, split_of


def talk(group: str, *turns: str) -> Conversation:
    return Conversation(source="s", group=group, turns=turns)


def side(group: str) -> str:
    return group.split("/")[0]


LONG = ("어제 남자친구랑 크게 싸우고 집에 와서 펑펑 울었어", "많이 속상하셨겠어요. 무슨 일로 다투셨어요?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" 밥  먹었어 ?\t", "밥 먹었어 ?"),
        ("\u1112\u1161\u11ab글", "한글"),
        ("안\u200b녕\ufeff", "안녕"),
        ("줄\n바꿈", "줄 바꿈"),
    ],
)
def test_text_is_tidied(text: str, expected: str) -> None:
    assert tidy(text) == expected


def test_what_is_like_a_held_out_conversation_leaves_training() -> None:
    held_out = talk("test/1", *LONG)
    kept, counts = clean(
        [
            talk("train/1", "어제  남자친구랑 크게 싸우고 집에 와서 펑펑 울었어!!", LONG[1]),
            talk("train/2", "어제 남친이랑 크게 싸우고 집에 와서 펑펑 울었어", LONG[1]),
            talk("train/3", "남자친구가 연락이 없어", "기다리는 동안 답답하시겠어요."),
            held_out,
        ],
        side,
    )
    assert [one.group for one in kept] == ["train/3", "test/1"]
    assert (counts["leaked"], counts["leaked_alike"]) == (1, 1)


def test_within_training_only_what_is_all_but_equal_leaves() -> None:
    kept, counts = clean(
        [
            talk("train/1", *LONG),
            talk("train/2", LONG[0] + "..", LONG[1]),
            talk("train/3", LONG[0] + "ㅠㅠ", LONG[1]),
            talk("train/4", "남친이랑 크게 싸우고 집에 와서 울었어", LONG[1]),
        ],
        side,
    )
    assert [one.group for one in kept] == ["train/1", "train/4"]
    assert (counts["duplicates"], counts["near_duplicates"]) == (1, 1)


def test_held_out_conversations_all_stay() -> None:
    talks = [talk("test/1", *LONG), talk("test/2", *LONG), talk("validation/1", *LONG), talk("test/3", "야", "씨발.")]
    kept, counts = clean(talks, side)
    assert kept == talks
    assert counts["validation_like_test"] == 1


def test_a_reply_that_swears_is_not_learned_and_a_person_may_swear() -> None:
    talks = [talk("train/1", "안녕", "꺼지라고 개새끼야."), talk("train/2", "씨발 열받아", "속이 많이 상하셨군요.")]
    kept, counts = clean(talks, side)
    assert kept == talks[1:]
    assert counts["profane"] == 1


def test_no_conversation_changes_sides_and_the_result_is_always_the_same() -> None:
    dialogues, families = read_own()
    read = Mixture(conversations=dialogues, families=families)
    mixture = read.cleaned()
    assert mixture == read.cleaned()
    assert mixture.held_out("test") == read.held_out("test")
    before = {dialogue.turns: split_of(dialogue.group) for dialogue in dialogues}
    assert all(before[one.turns] == split_of(one.group) for one in mixture.conversations)
    assert mixture.cleaning["profane"] == 0
    assert mixture.cleaning["read"] == len(dialogues)


def near(rng: random.Random, text: str) -> str:
    at = rng.randrange(len(text))
    return text[:at] + rng.choice(["", "은", "요", "ㅋ"]) + text[at + 1 :]


def test_the_index_finds_what_comparing_all_finds() -> None:
    rng = random.Random(0)
    texts = ["".join(rng.choices("가나다라마바", k=rng.randrange(1, 14))) for _ in range(120)]
    turns = [(near(rng, text), "네.") for text in texts for _ in range(3)]
    index = LikenessIndex(turns, 0.6)
    for number, mine in enumerate(turns):
        expected = [
            other
            for other in range(number)
            for one, two in [(shingles(mine), shingles(turns[other]))]
            if len(one & two) / len(one | two) >= 0.6
        ]
        assert [other for other, _ in index.alike(number)] == expected
        index.add(number)


def test_twenty_thousand_conversations_are_cleaned_in_seconds(many: Callable[[int], list[Conversation]]) -> None:
    talks = many(20_000)
    started = time.process_time()
    clean(talks, split_of)
    assert time.process_time() - started < 20


@pytest.fixture
def many() -> Callable[[int], list[Conversation]]:
    """As many conversations as asked for, drawn of our families."""
    _, families = read_own()
    rng = random.Random(0)
    return lambda number: [rng.choice(families).draw(rng) for _ in range(number)]
