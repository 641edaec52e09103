"""Labelled messages without replies."""

from pathlib import Path

import pytest

from training.corpus import CorpusError
from training.corpus.messages import Message, read_messages


def test_the_files_of_a_folder_are_read_in_order(tmp_path: Path) -> None:
    (tmp_path / "messages-b.jsonl").write_text('{"text": "배고파 죽겠다", "crisis": false, "form": "idiom"}\n', "utf-8")
    (tmp_path / "messages-a.jsonl").write_text('{"text": "죽고 싶어", "crisis": true, "form": "own_direct"}\n', "utf-8")
    assert read_messages(tmp_path) == [
        Message("죽고 싶어", True, "own_direct"),
        Message("배고파 죽겠다", False, "idiom"),
    ]


def test_a_message_may_say_instead_whether_it_asks_who_the_bot_is(tmp_path: Path) -> None:
    (tmp_path / "messages-a.jsonl").write_text('{"text": "너 누구야", "identity": true, "form": "who"}\n', "utf-8")
    assert read_messages(tmp_path) == [Message("너 누구야", False, "who", identity=True)]


@pytest.mark.parametrize("line", ['{"text": "안녕"}', '{"text": " ", "crisis": true, "form": "x"}', '{"text": 1}'])
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    (tmp_path / "messages-a.jsonl").write_text(line, "utf-8")
    with pytest.raises(CorpusError, match=r"messages-a\.jsonl:1: not a message"):
        read_messages(tmp_path)


def test_our_own_have_both_kinds_in_number() -> None:
    messages = read_messages()
    assert sum(message.crisis for message in messages) >= 1_000
    assert sum(not message.crisis for message in messages) >= 1_000
    assert len({message.text for message in messages}) == len(messages)
