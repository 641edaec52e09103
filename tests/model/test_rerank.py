"""Which of several replies is given."""

from pathlib import Path

import pytest

from model.checkpoint import PRETRAINED
from model.engine import Decoding, load_engine
from model.options import DecodingError
from model.rerank import Candidate, rank, without_said_sentences, worth

BEAM = Decoding(method="beam")


def texts(candidates: list[Candidate], *turns: str, decoding: Decoding = BEAM) -> list[str]:
    return [candidate.text for candidate in rank(candidates, turns, decoding)]


def found(text: str, log_probability: float, neutral: float = 0.0) -> Candidate:
    return Candidate(text, len(text.split()) + 3, log_probability, neutral)


def test_the_likeliest_for_its_length_comes_first() -> None:
    assert texts([found("오늘은 어땠어요?", -6.0), found("무슨 일이 있었어요?", -3.0)], "안녕") == [
        "무슨 일이 있었어요?",
        "오늘은 어땠어요?",
    ]


def test_what_is_likely_after_anything_loses_by_lambda() -> None:
    general, particular = found("그러셨군요.", -2.0, neutral=-3.0), found("떡볶이가 맛있었군요.", -3.0, neutral=-20.0)
    assert texts([general, particular], "떡볶이 먹었어")[0] == "그러셨군요."
    assert (
        texts([general, particular], "떡볶이 먹었어", decoding=Decoding(genericness=0.5))[0] == "떡볶이가 맛있었군요."
    )


def test_the_last_reply_is_not_said_again() -> None:
    candidates = [found("네, 그랬군요!", -1.0), found("더 들려주세요.", -5.0)]
    assert texts(candidates, "응", "네 그랬군요", "그래서 말이야") == ["더 들려주세요.", "네, 그랬군요!"]
    assert texts(candidates[:1], "응", "네 그랬군요", "그래서 말이야") == ["네, 그랬군요!"]


@pytest.mark.parametrize(
    ("reply", "left"),
    [
        ("아직 안 갔군요. 병원에는 가 봤어요?", "아직 안 갔군요."),  # word for word
        ("아직 안 갔군요. 병원에 가 봤어요?", "아직 안 갔군요."),  # all but
        ("병원에는 가 봤어요? 내일은 쉬세요.", "내일은 쉬세요."),
        ("승진 축하해요! 축하해요.", "승진 축하해요!"),  # within the reply
        ("네. 밥은 먹었어요?", "네. 밥은 먹었어요?"),
        ("약국에는 가 봤어요?", "약국에는 가 봤어요?"),
        ("병원에는 가 봤어요?", ""),
    ],
)
def test_a_sentence_that_was_said_is_left_out(reply: str, left: str) -> None:
    turns = ["강아지가 아파", "언제부터 그랬어요? 병원에는 가 봤어요?", "어제부터", "네. 걱정되지요.", "아니 아직"]
    assert without_said_sentences(reply, turns) == left


def test_a_sentence_said_before_comes_behind_what_is_new_but_before_what_was_said_whole() -> None:
    turns = ["면접 봤어", "면접은 잘 봤어요?", "말을 더듬었어"]
    candidates = [
        found("더듬었군요. 면접은 잘 봤어요?", -1.0),
        found("면접은 잘 봤어요?", -0.5),
        found("더듬었군요.", -9.0),
    ]
    assert texts(candidates, *turns) == ["더듬었군요.", "더듬었군요. 면접은 잘 봤어요?", "면접은 잘 봤어요?"]


def test_the_user_is_not_parroted_and_blank_comes_last() -> None:
    candidates = [found("", -0.1), found("배고파.", -1.0), found("뭐 드실래요?", -9.0)]
    assert texts(candidates, "배고파") == ["뭐 드실래요?", "배고파.", ""]


def test_who_is_asked_for_a_name_gives_one_if_any_reply_holds_one() -> None:
    candidates = [
        found("만나서 반가워요.", -1.0),
        found("저는 <bot>, <owner>님이 만든 챗봇이에요.", -9.0),
        found("", 0.0),
    ]
    asked = [candidate.text for candidate in rank(candidates, ["이름이 뭐야?"], BEAM, asked=True)]
    assert asked == [candidates[1].text, candidates[0].text, ""]
    assert texts(candidates, "안녕")[0] == "만나서 반가워요."


def test_what_reads_the_same_is_there_once() -> None:
    assert texts([found("좋아요!", -1.0), found("좋아요.", -1.1), found("네", -2.0)], "갈까") == ["좋아요!", "네"]


def test_stammering_and_single_words_lose_a_little() -> None:
    plain, doubled = Candidate("발표를 잘하셨군요.", 5, -6.0), Candidate("발표 발표를 하셨군요.", 5, -6.0)
    assert worth(doubled, BEAM) < worth(plain, BEAM)
    again = Candidate("병원은 병원이면 되지요.", 5, -6.0)
    apart = Candidate("병원에 가셨군요. 병원은 멀어요?", 5, -6.0)
    assert worth(again, BEAM) < worth(apart, BEAM) == worth(plain, BEAM)
    assert worth(Candidate("네", 1, -1.0), BEAM) < -0.5


@pytest.mark.parametrize("genericness", [0.0, 0.4])
def test_both_engines_find_and_rank_the_same(checkpoint_folder: Path, genericness: float) -> None:
    conversations = [["배고프다"], ["오늘 면접 봤는데", "긴 하루였겠어요.", "망했어 ㅠㅠ"]]
    decoding = Decoding(candidates=3, genericness=genericness, max_tokens=12)
    reference = load_engine(checkpoint_folder, "tensorflow").reply(conversations, decoding)
    fast = load_engine(checkpoint_folder, compute_type="float32").reply(conversations, decoding)
    for ours, theirs in zip(reference, fast, strict=True):
        assert [one.text for one in (ours, *ours.others)] == [one.text for one in (theirs, *theirs.others)]
        assert [one.worth for one in (ours, *ours.others)] == pytest.approx(
            [one.worth for one in (theirs, *theirs.others)], abs=1e-3
        )


def test_what_ships_asks_nothing_twice_in_a_talk() -> None:
    engine = load_engine(PRETRAINED)
    talks = [
        ["나 오늘 면접 봤어", "두 시간 기다렸어", "떨려서 말을 더듬었어", "결과는 다음 주래"],
        ["강아지가 아파", "어제부터 밥을 안 먹어", "병원은 아직 안 가봤어", "내일 데려가려고"],
        ["친구랑 싸웠어", "내가 먼저 화냈어", "사과는 아직 못 했어", "내일 하려고"],
    ]
    repeated = 0
    for messages in talks:
        turns: list[str] = []
        for message in messages:
            [reply] = engine.reply([[*turns, message]])
            repeated += without_said_sentences(reply.text, [*turns, message]) != reply.text
            turns += [message, reply.text]
    assert repeated <= 1  # of twelve; it was three and more while whole replies were compared


def test_one_candidate_is_what_the_search_alone_gives(checkpoint_folder: Path) -> None:
    engine = load_engine(checkpoint_folder)
    [alone] = engine.reply([["배고프다"]], Decoding(candidates=1))
    assert alone.others == ()
    with pytest.raises(DecodingError, match="candidates"):
        Decoding(candidates=0)
