"""Exchanged nouns stay nouns, and stand wherever the old one stood."""

import random
from dataclasses import replace

import pytest

from training.corpus import Conversation, read_own
from training.corpus.particles import final_consonant
from training.mixture import Mixture, split_of
from training.recipe import Recipe
from training.renaming import KINDS, Nouns, renamed


def talk(*turns: str, kind: str = "smalltalk") -> Conversation:
    return Conversation(turns=turns, source="dialogues", group="g", kind=kind)


# 면접 and 화분 end in a consonant, 떡볶이 in a vowel: each of them stands with particles of either sort.
SEEN = [
    talk(f"{noun}{subject} 좋아", f"{noun}{object_} 좋아하는군요.")
    for noun, subject, object_ in (("면접", "이", "을"), ("화분", "은", "을"), ("떡볶이", "가", "를"))
] * 2
NOUNS = Nouns.of(SEEN)


def exchanged(*turns: str) -> set[tuple[str, ...]]:
    """All that is made of a talk."""
    return {renamed(talk(*turns), NOUNS, random.Random(seed)).turns for seed in range(80)}


def test_what_stands_with_particles_of_both_sorts_is_a_noun() -> None:
    assert NOUNS.known == {"면접", "화분", "떡볶이"}
    assert "좋아하" not in Nouns.of([talk("떡볶이를 좋아하는", "좋아하는군요.")] * 9).known
    assert Nouns.of([talk("내일이 좋아", "내일을 기다려요.")] * 9).known == set()


def test_a_noun_is_another_in_message_and_reply() -> None:
    made = exchanged("내일 면접인데", "면접이 떨리겠어요.", "응", "면접을 잘 볼 거예요.")
    assert ("내일 화분인데", "화분이 떨리겠어요.", "응", "화분을 잘 볼 거예요.") in made
    for turns in made:
        noun = turns[0].removeprefix("내일 ").removesuffix("인데")
        assert turns == (f"내일 {noun}인데", f"{noun}이 떨리겠어요.", "응", f"{noun}을 잘 볼 거예요.")
        assert final_consonant(noun)
    assert len(made) > 3  # some are invented: 화접, 면분


@pytest.mark.parametrize(
    "turns",
    [
        ("내일 면접인데", "떨리겠어요."),  # no reply takes it up
        ("내일인데", "면접이 떨리겠어요."),  # no message had it
        ("면접 봤어", "면접은 면접관이 문제지요."),  # it is the beginning of another word as well
    ],
)
def test_all_else_stays(turns: tuple[str, ...]) -> None:
    assert exchanged(*turns) == {turns}


def test_an_epoch_has_the_share_that_the_recipe_names_and_no_crisis_is_touched() -> None:
    told = talk("내일 면접인데", "면접이 떨리겠어요.")
    talks = [replace(told, group=f"g{number}") for number in range(300) if split_of(f"g{number}") == "train"]
    grave = [replace(each, kind="crisis") for each in talks]
    whole = Mixture(conversations=[*SEEN, *talks], families=[], recipe=Recipe(renamed=0.5)).epoch(1, 1)
    changed = sum("화분" in each.turns[1] or "면접" not in each.turns[1] for each in whole[len(SEEN) :])
    assert 0.15 * len(talks) < changed < 0.5 * len(talks)  # half, less those exchanged for themselves
    careful = Mixture(conversations=[*SEEN, *grave], families=[], recipe=Recipe(renamed=1.0)).epoch(1, 1)
    assert {each.turns for each in careful if each.kind == "crisis"} == {told.turns}


def test_of_our_own_dialogues_most_take_something_up() -> None:
    dialogues = [each for each in read_own()[0] if each.kind in KINDS]
    nouns, rng = Nouns.of(dialogues), random.Random(0)
    assert sum(renamed(each, nouns, rng).turns != each.turns for each in dialogues) > 0.6 * len(dialogues)
