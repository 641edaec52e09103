"""How replies are, all together."""

import pytest

from training.habits import habits


def test_what_went_wrong_is_counted() -> None:
    figures = habits(["밥 드셨어요?", "", "네\ufffd요.", "밥을 꼭 드세요 밥을 꼭 드세요"])
    assert (figures["empty"], figures["unknown"], figures["looping"]) == (0.25, 0.25, 0.25)


def test_politeness_is_in_the_ending() -> None:
    assert habits(["밥 드셨어요?", "반갑습니다.", "그럴까", "몰라", "요리했어"])["polite"] == pytest.approx(3 / 5)


def test_variety_is_different_words_among_all() -> None:
    same, varied = (
        habits(["오늘 뭐 했어요?"] * 4),
        habits(["오늘 뭐 했어요?", "누가 그랬어요?", "어디 가세요?", "잘 자요."]),
    )
    assert same["distinct_1"] == pytest.approx(0.25)
    assert varied["distinct_1"] == varied["distinct_2"] == 1
    assert (same["ten_most_frequent"], varied["ten_most_frequent"]) == (1, 1)
    assert habits([str(number) for number in range(100)])["ten_most_frequent"] == 0.1


def test_no_replies_have_no_habits() -> None:
    with pytest.raises(ValueError, match="no replies"):
        habits([])
