"""Slips of form are found, and our own corpus has none."""

import random
from dataclasses import replace

import pytest

from training.corpus import Conversation, read_own
from training.corpus.faults import corpus_faults, dialogue_faults, family_faults, reply_faults
from training.corpus.own import Exchanges, Family

TALK = Conversation(
    source="dialogues", group="dialogue:D-1", name="D-1", kind="emotion", emotion="E21",
    turns=("시험 망했어", "시험이 뜻대로 안 됐군요. 무슨 과목이에요?"),
)  # fmt: skip
FAMILY = Family(
    id="F-1", kind="smalltalk", emotion=None, slots={"F": ("떡볶이", "냉면", "김밥")}, next=None,
    first=Exchanges(
        user=("{F} 먹고 싶다", "{F:이} 당겨", "{F} 먹을까", "오늘 {F} 어때", "{F}!"),
        bot=tuple(f"{{F:을}} {word} 떠올리면 침이 고이지요." for word in ("방금", "벌써", "다시", "혼자", "같이")),
    ),
)  # fmt: skip


def test_our_own_corpus_has_no_fault_of_form() -> None:
    assert [str(fault) for fault in corpus_faults(*read_own())] == []


@pytest.mark.parametrize(
    ("reply", "what"),
    [
        ("네.", "2 characters"),
        ("오늘은 어땠어요?" * 12, "characters, not 5 to 95"),
        ("오늘은 푹 쉬세요ㅎㅎ.", "decoration"),
        ("오늘은 푹 쉬어.", "not a polite ending"),
        ("오늘은 푹 쉬세요", "no mark at the end"),
        ("{F} 드시고 푹 쉬세요.", "a placeholder"),
        ("<user>님 푹 쉬세요.", "a placeholder"),
        ("저는 <bot>이에요.", "depends on the bot's name"),
        ("<owner>님이 지어 준 <bot>이라고 해요.", "depends on the bot's name"),
        ("떡볶이을(를) 드세요.", "both forms of a particle"),
        ("그 새끼는 잊으세요.", "a swear word"),
    ],
)
def test_a_slip_in_a_reply_is_named(reply: str, what: str) -> None:
    assert [fault for fault in reply_faults(reply, "smalltalk") if what in fault]


def test_a_good_reply_passes_and_a_crisis_may_take_longer() -> None:
    assert list(reply_faults("제 이름은 <bot>, <owner>님이 만든 챗봇이에요.", "identity")) == []
    long = "지금 안전한 곳에 계세요? " * 7 + "자살예방 상담전화 109가 있어요."
    assert list(reply_faults(long, "crisis")) == []


def test_a_dialogues_labels_and_length_are_looked_at() -> None:
    assert list(dialogue_faults(TALK)) == []
    assert "no such kind" in str(*dialogue_faults(replace(TALK, kind="chat")))
    assert "no such emotion" in str(*dialogue_faults(replace(TALK, emotion="E99")))
    assert "none is named" in str(*dialogue_faults(replace(TALK, emotion=None)))
    assert "6 exchanges" in str(*dialogue_faults(replace(TALK, turns=TALK.turns * 6)))


def test_a_familys_patterns_and_slots_are_looked_at() -> None:
    def faults(family: Family) -> str:
        return "\n".join(str(fault) for fault in family_faults(family, random.Random(0)))

    assert faults(FAMILY) == ""
    assert "2 user patterns" in faults(replace(FAMILY, first=replace(FAMILY.first, user=("{F}?", "{F}!"))))
    assert "a pattern twice" in faults(replace(FAMILY, first=replace(FAMILY.first, user=("{F}?",) * 5)))
    assert "2 fillers of F" in faults(replace(FAMILY, slots={"F": ("떡볶이", "냉면")}))
    assert "no pattern uses the slot G" in faults(replace(FAMILY, slots={**FAMILY.slots, "G": ("가", "나", "다")}))


def test_records_are_compared_with_each_other() -> None:
    twin = replace(TALK, turns=TALK.turns * 2)
    found = "\n".join(map(str, corpus_faults([twin, twin], [])))
    assert "the name stands twice" in found
    assert "the same replies twice" in found
