"""Plain text that a model may learn to read on."""

import lzma
import tracemalloc
from pathlib import Path

import pytest

from training.corpus import CorpusError, plain
from training.corpus.plain import read_plain

LINES = (
    "마지막 장면에서   울었다\n마지막 장면에서 울었다\n짧다\n이 영화 존나 재밌다 진짜로\n"
    + "길다 " * 40
    + "\n배우들 연기가 좋았어요\n"
)


@pytest.mark.parametrize("name", ["reviews.txt", "reviews.txt.xz"])
def test_sentences_of_a_messages_length_without_swear_words_once_each(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = LINES.encode()
    path.write_bytes(lzma.compress(content) if name.endswith("xz") else content)
    assert read_plain(path) == ["마지막 장면에서 울었다", "배우들 연기가 좋았어요"]


@pytest.mark.parametrize("content", [b"no archive", lzma.compress(LINES.encode() * 99)[:60]])
def test_a_broken_archive_is_one_clear_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.txt.xz"
    path.write_bytes(content)
    with pytest.raises(CorpusError, match=r"broken\.txt\.xz: not text in UTF-8, or cut off"):
        read_plain(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="No such file"):
        read_plain(tmp_path / "none.txt")


def test_a_bomb_is_given_up_without_being_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain, "_MOST", 4_000_000)
    path = tmp_path / "bomb.txt.xz"
    path.write_bytes(lzma.compress(b"a" * 6_000_000, preset=0))
    tracemalloc.start()
    try:
        with pytest.raises(CorpusError, match=r"bomb\.txt\.xz: more than"):
            read_plain(path)
        assert tracemalloc.get_traced_memory()[1] < 3_000_000
    finally:
        tracemalloc.stop()
