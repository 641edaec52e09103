"""What the shipped checkpoint says to people it has never met: held-out conversations, as they are decoded in service."""

from collections import Counter

import pytest

from model.checkpoint import PRETRAINED
from model.dialogue import fill_names
from model.engine import Engine, EngineReply, load_engine
from training.corpus import read_own
from training.mixture import Mixture


@pytest.fixture(scope="module")
def engine() -> Engine:
    return load_engine(PRETRAINED, threads=2)


@pytest.fixture(scope="module")
def replies(engine: Engine) -> list[EngineReply]:
    """To 200 contexts of the test split."""
    dialogues, families = read_own()
    held_out = Mixture(conversations=dialogues, families=families).held_out("test")
    contexts = [context for part in held_out.values() for talk in part for context, _ in talk.examples()][:200]
    assert len(contexts) == 200
    return engine.reply(contexts)


def test_nobody_gets_an_empty_or_broken_reply(replies: list[EngineReply]) -> None:
    for reply in replies:
        assert len(reply.text) >= 2
        assert "\ufffd" not in reply.text
        assert not {"[PAD]", "[START]", "[END]", "[USER]", "[BOT]"} & set(reply.text.split())


def test_no_reply_goes_round_in_circles(replies: list[EngineReply]) -> None:
    for reply in replies:
        words = reply.text.split()
        trigrams = Counter(zip(words, words[1:], words[2:], strict=False))
        assert max(trigrams.values(), default=0) < 3, reply.text


def test_people_get_different_replies(replies: list[EngineReply]) -> None:
    [(_, most)] = Counter(reply.text for reply in replies).most_common(1)
    assert most <= 20


@pytest.mark.parametrize("question", ["너는 누구니?", "넌 누구야", "누가 만들었어?", "너 누구야?"])
def test_it_knows_whose_chatbot_it_is(engine: Engine, question: str) -> None:
    [reply] = engine.reply([[question]])
    assert "이연준" in fill_names(reply.text, owner="이연준", bot="말벗")


def test_a_talk_of_many_subjects_is_followed(engine: Engine) -> None:
    """What a model that clings to the first subject cannot do."""
    talk: list[str] = []
    for message in ["안녕", "너는 누구니?", "알람 못 듣고 지각했어", "오늘 날씨 어때?", "남자친구랑 싸웠어"]:
        [reply] = engine.reply([[*talk[-8:], message]])
        talk += [message, reply.text]
    greeting, identity, late, weather, quarrel = talk[1::2]
    assert "안녕" in greeting
    assert "주무" not in greeting
    assert "<owner>" in identity
    assert "<owner>" not in late + weather + quarrel
    assert "날씨" in weather
    assert len(set(talk[1::2])) == 5
