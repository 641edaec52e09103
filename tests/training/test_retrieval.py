"""The nearest training message's reply."""

from training.retrieval import Retrieval

PAIRS = [
    ("떡볶이 먹고 싶다", "매운맛이 당기시나 봐요."),
    ("상사한테 혼났어", "속상하셨겠어요."),
    ("비 온다", "우산 챙기세요."),
]


def test_the_nearest_message_s_reply_is_given_however_it_is_typed() -> None:
    retrieval = Retrieval(PAIRS)
    assert retrieval.reply("떡볶이먹고싶어ㅠㅠ") == "매운맛이 당기시나 봐요."
    assert retrieval.reply("오늘 또 상사한테 혼남") == "속상하셨겠어요."
    assert retrieval.reply("비 오네") == "우산 챙기세요."


def test_what_it_has_never_seen_gets_some_reply() -> None:
    assert Retrieval(PAIRS).reply("xyz") in [reply for _, reply in PAIRS]


def test_the_candidate_most_like_its_own_reply_is_chosen() -> None:
    candidates = ["밥 드셨어요?", "우산 꼭 챙기세요.", "정말 속상하셨겠어요."]
    assert Retrieval(PAIRS).choose("비가 온다", candidates) == 1
