"""The fixed sentences: grammar that depends on a setting, and promises that must be true."""

import pytest

from bot import texts


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("말벗", "말벗이에요"),
        ("보리", "보리예요"),
        ("이연준", "이연준이에요"),
        ("Mal", "Mal이에요"),
        ("하루2", "하루2이에요"),
    ],
)
def test_the_ending_fits_the_name(name: str, sentence: str) -> None:
    assert name + texts.copula(name) == sentence


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (86400, "하루가 지나면"),
        (172800, "2일이 지나면"),
        (7200, "2시간이 지나면"),
        (5400, "90분이 지나면"),
        (61, "61초가 지나면"),
    ],
)
def test_a_span_of_time_is_said_in_its_largest_whole_unit(seconds: int, words: str) -> None:
    assert texts.elapsed(seconds) == words


def test_privacy_says_what_the_settings_say() -> None:
    usual = texts.privacy(4, 86400)
    assert "4번까지" in usual
    assert "하루가 지나면 저절로 지워요" in usual
    assert "운영자는 보관된 글을 읽을 수 있어요" in usual
    assert "/forget" in usual
    assert "답을 드리고 나면 보관하지 않아요" in texts.privacy(0, 86400)


def test_help_names_every_command() -> None:
    assert all(f"/{command}" in texts.help_text() for command in texts.COMMANDS if command != "start")


def test_each_kind_of_message_has_an_answer() -> None:
    assert "사진" in texts.media("photo")
    assert texts.media("video_note") == texts.media("video")
    assert "글만" in texts.media("dice")
