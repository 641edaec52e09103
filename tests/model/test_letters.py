"""What is spelled alike shares letters in a row."""

from model.letters import PLACES, letter_rows


def shared(one: str, other: str) -> float:
    """The share of the rows of either that both have."""
    a, b = set(letter_rows(one)), set(letter_rows(other))
    return len(a & b) / len(a | b)


def test_a_slip_of_the_pen_leaves_most_letters_as_they_were() -> None:
    assert shared("죽고 싶어", "죽고시퍼") > 2 * shared("죽고 싶어", "밥 먹고 와")


def test_spaces_punctuation_case_and_repetition_do_not_count() -> None:
    assert letter_rows("나 Jasal 할래...!!") == letter_rows("나jasal할래")
    assert letter_rows("아ㅠㅠㅠㅠㅠ") == letter_rows("아ㅠㅠ")


def test_places_are_the_same_in_every_process() -> None:
    assert letter_rows("가") == [2908, 4990, 8700, 9569, 24419, 25389, 31946]


def test_any_text_has_rows_and_a_long_one_not_too_many() -> None:
    for text in ("", " ", "\0", "🙂", "가" * 10_000, "가나다라마바사" * 1_000):
        rows = letter_rows(text)
        assert rows and len(rows) == len(set(rows)) < 3_000
        assert min(rows) >= 0 and max(rows) < PLACES
