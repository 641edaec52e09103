"""Particles follow the last sound."""

import pytest

from training.corpus.particles import PARTICLES, final_consonant, with_particle


@pytest.mark.parametrize(
    ("word", "particle", "expected"),
    [
        ("떡볶이", "을", "떡볶이를"),
        ("냉면", "을", "냉면을"),
        ("엄마", "이", "엄마가"),
        ("서울", "으로", "서울로"),
        ("부산", "으로", "부산으로"),
        ("제주", "으로", "제주로"),
        ("친구", "이랑", "친구랑"),
        ("민준", "아", "민준아"),
        ("지우", "아", "지우야"),
        ("3", "은", "3은"),
        ("2", "은", "2는"),
        ("7", "으로", "7로"),
        ("국(김치)", "이에요", "국(김치)예요"),
        ("TV", "을", "TV를"),
    ],
)
def test_the_form_that_fits(word: str, particle: str, expected: str) -> None:
    assert with_particle(word, particle) == expected


def test_every_particle_has_two_forms_and_every_syllable_one_of_them() -> None:
    assert all(len(set(forms)) == 2 for forms in PARTICLES.values())
    for code in range(ord("가"), ord("힣") + 1):
        syllable = chr(code)
        assert bool(final_consonant(syllable)) == with_particle(syllable, "을").endswith("을")
