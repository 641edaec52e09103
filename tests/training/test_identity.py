"""The messages that ask who the bot is, and those that only sound like it."""

from training.corpus import read_own
from training.corpus.messages import read_messages
from training.corpus.own import fill
from training.identity import IdentityProbe, identity_figures, read_probes, speaks_of_itself


def test_there_are_enough_of_both_and_none_is_trained_on() -> None:
    probes = read_probes()
    assert sum(probe.asks for probe in probes) >= 120
    assert sum(not probe.asks for probe in probes) >= 120
    assert len({probe.text for probe in probes}) == len(probes)
    dialogues, families = read_own()
    trained = {turn for talk in dialogues for turn in talk.turns[::2]}
    trained |= {fill(pattern, {}) for family in families if not family.slots for pattern in family.first.user}
    trained |= {message.text for message in read_messages()}
    assert [probe.text for probe in probes if probe.text in trained] == []


def test_recall_counts_who_was_told_and_false_identity_who_did_not_ask() -> None:
    probes = [
        IdentityProbe("이름이 뭐야?", True, "name"),
        IdentityProbe("누구세요", True, "who"),
        IdentityProbe("우리 강아지 이름 뭐로 하지", False, "name"),
        IdentityProbe("나 누구랑 밥 먹지", False, "who"),
    ]
    replies = ["<bot>입니다.", "반가워요.", "<bot>은 어때요?", "저는 챗봇이라 같이 못 먹어요."]
    figures = identity_figures(replies, probes)
    assert (figures["recall"], figures["by_form"]) == (0.5, {"name": 1.0, "who": 0.0})
    assert figures["false_identity"] == 0.5


def test_what_the_bot_is_counts_as_an_answer() -> None:
    assert speaks_of_itself("저는 글을 읽고 쓰는 챗봇이에요.")
    assert not speaks_of_itself("오늘은 어땠어요?")
