"""Which turns tell the heads something."""

import pytest

from model.config import preset
from model.emotions import CODES
from model.tokenizer import Tokenizer
from training.batches import examples, to_batch
from training.corpus import Conversation
from training.labels import identity_label

TURNS = ("면접에서 떨어졌어", "속상하시겠어요.", "다음엔 붙겠지", "그럼요, 응원할게요.")


def talk(kind: str, source: str = "dialogues", emotion: str | None = None) -> Conversation:
    return Conversation(source=source, group="g", turns=TURNS, kind=kind, emotion=emotion)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(list(TURNS) * 5, 300)


@pytest.mark.parametrize(
    ("conversation", "emotions", "crises"),
    [
        (talk("emotion", emotion="E21"), [11, -1], [0, 0]),
        (talk("smalltalk", source="families"), [-1, -1], [0, 0]),
        (talk("crisis"), [-1, -1], [1, -1]),
        (talk("", source="songys_chatbot"), [-1, -1], [0, 0]),
        (talk("emotion", source="aihub", emotion="E10"), [0, -1], [0, 0]),
    ],
)
def test_labels_by_kind_and_turn(
    conversation: Conversation, emotions: list[int], crises: list[int], tokenizer: Tokenizer
) -> None:
    batch = to_batch(examples([conversation], tokenizer, preset("default")))
    assert (batch.emotion.tolist(), batch.crisis.tolist()) == (emotions, crises)


def test_a_first_turn_told_after_another_talk_keeps_its_label(tokenizer: Tokenizer) -> None:
    after = talk("emotion", emotion="E69").after(talk("crisis"))
    rows = examples([after], tokenizer, preset("default"))
    assert [(row.emotion, row.crisis) for row in rows] == [(CODES.index("E69"), 0), (-1, 0)]


def test_other_peoples_turns_with_a_word_of_death_are_left_unlabelled(tokenizer: Tokenizer) -> None:
    pair = Conversation(source="songys_chatbot", group="g", turns=("배고파 죽겠다", "얼른 드세요.", "응", "맛있게요."))
    assert [row.crisis for row in examples([pair], tokenizer, preset("default"))] == [-1, 0]


@pytest.mark.parametrize(
    ("kind", "source", "turns", "labels"),
    [
        (
            "identity",
            "families",
            ("너 누구야", "저는 <bot>이라고 해요.", "그렇구나", "네, <owner>님이 만들었어요."),
            [1, -1],
        ),
        ("identity", "families", ("밥 먹었어?", "챗봇이라 먹지는 못해요."), [-1]),
        ("emotion", "dialogues", ("우울해", "무슨 일이 있었어요?", "너라면 어떡해", "저라면 자요."), [0, 0]),
        ("", "songys_chatbot", ("배고프다", "얼른 드세요.", "너 이름 뭐야", "비밀이에요."), [0, -1]),
    ],
)
def test_who_asks_for_a_name_is_known_by_the_answer(
    kind: str, source: str, turns: tuple[str, ...], labels: list[int]
) -> None:
    conversation = Conversation(source=source, group="g", turns=turns, kind=kind)
    assert [identity_label(conversation, exchange) for exchange in range(len(turns) // 2)] == labels
