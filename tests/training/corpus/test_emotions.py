"""The sixty emotions, however a table spells them."""

import pytest

from model.emotions import EMOTIONS, group_of
from training.corpus import read_own
from training.corpus.emotions import emotion_code, situation_name


def test_sixty_codes_in_six_groups() -> None:
    assert len(EMOTIONS) == 60
    assert {group_of(code) for code in EMOTIONS} == {"분노", "슬픔", "불안", "상처", "당황", "기쁨"}
    assert all(emotion_code(group_of(code), name) == code for code, name in EMOTIONS.items())


@pytest.mark.parametrize(
    ("group", "name", "code"),
    [
        ("상처", "고립된", "E43"), ("당황", "고립된", "E51"), ("당황 ", "혼란스러운(당황한)", "E59"), ("불안", "혼란스러운", "E34"),
        ("상처", "불우한", "E45"), ("당황", "죄책감", "E55"), ("불안", "스트레스받는", "E32"), ("기쁨", "기쁨 ", "E60"), ("분노", "고립된", None),
    ],
)  # fmt: skip
def test_a_name_needs_its_group(group: str, name: str, code: str | None) -> None:
    assert emotion_code(group, name) == code


def test_a_situation_is_spelled_as_the_table_does() -> None:
    assert situation_name("연애, 결혼, 출산 ") == "연애,결혼,출산"
    assert situation_name("층간소음") == "층간소음"
    assert situation_name(" ") is None


def test_own_dialogues_carry_the_same_fields() -> None:
    dialogues, _ = read_own()
    assert {dialogue.emotion for dialogue in dialogues} <= {*EMOTIONS, None}
    assert all(dialogue.situation and dialogue.age and dialogue.gender for dialogue in dialogues)
