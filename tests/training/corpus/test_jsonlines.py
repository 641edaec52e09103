"""Files of JSON lines: what people bring of their own."""

import tracemalloc
from pathlib import Path

import pytest

from training.corpus import CorpusError, read_jsonlines
from training.corpus.jsonlines import read_records


def test_a_last_turn_without_an_answer_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '\ufeff{"turns": ["안녕", "반가워요.", "또 봐"]}\n\n{"turns": [" 배고파 ", "밥 드세요."]}\n', encoding="utf-8"
    )
    conversations = read_jsonlines(path)
    assert [conversation.turns for conversation in conversations] == [("안녕", "반가워요."), ("배고파", "밥 드세요.")]
    assert conversations[0].source == "mine"


def test_equal_replies_are_one_group(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(
        '{"turns": ["안녕", "네."]}\n{"turns": ["잘 자", "네."]}\n{"turns": ["응", "예."]}\n', encoding="utf-8"
    )
    first, second, third = read_jsonlines(path)
    assert first.group == second.group != third.group


@pytest.mark.parametrize(
    "line",
    [
        '{"turns": "안녕"}',
        '{"turns": ["안녕"]}',
        '{"turns": ["안녕", ""]}',
        "[]",
        "{",
        '{"a": 1}',
        '{"turns": ["\\ud83d", "half a character"]}',
        "[" * 100_000,
        "9" * 5000,
        '"\\x1b[2J',
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(line + "\n", encoding="utf-8")
    with pytest.raises(CorpusError, match=r"mine\.jsonl"):
        read_jsonlines(path)


def test_a_line_that_never_ends_is_named_and_not_held(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text("{}\n" + " " * 30_000_000, encoding="utf-8")
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match=r"mine\.jsonl:2: a line of more than"):
            list(read_records(path))
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"none\.jsonl"):
        read_jsonlines(tmp_path / "none.jsonl")
