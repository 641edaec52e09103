"""What explore shows: figures that add up, a page that needs nothing else, and no box where Hangul should be."""

import re
from pathlib import Path
from xml.dom.minidom import parseString

import pytest

from model.checkpoint import PRETRAINED, Checkpoint, load_checkpoint
from model.explain.fonts import LATIN, drawable, hangul_font
from training.corpus import Conversation
from training.exploration import Survey, draw_pictures, survey, write_page

TALKS = [
    Conversation(
        source="dialogues", group=f"dialogue:{number}", emotion=emotion, situation="직장", age="청년", gender="여성",
        turns=("회의에서 말을 더듬었어", "말이 꼬이면 더 긴장되지요.", "응 <b> 얼굴이 빨개졌어", reply),
    )
    for number, (emotion, reply) in enumerate([("E56", "숨을 고르고 물 한 모금 드세요."), ("E30", "$5 & 괜찮아요."), ("E56", "숨을 고르고 물 한 모금 드세요.")])
]  # fmt: skip


@pytest.fixture(scope="module")
def kept() -> Checkpoint:
    return load_checkpoint(PRETRAINED)


@pytest.fixture(scope="module")
def found(kept: Checkpoint) -> Survey:
    return survey(TALKS, kept.tokenizer, kept.config)


def test_the_figures_add_up(found: Survey, kept: Checkpoint) -> None:
    [source] = found.sources
    assert (source.conversations, source.exchanges, source.distinct_replies) == (3, 6, 3)
    assert (found.emotions, found.people) == ({"E56": 2, "E30": 1}, {("청년", "여성"): 3})
    assert found.exchanges == {2: 3}
    assert found.frequent_replies[:2] == [("말이 꼬이면 더 긴장되지요.", 3), ("숨을 고르고 물 한 모금 드세요.", 2)]
    texts = [turn for talk in TALKS for turn in talk.turns]
    assert sum(sum(part) for part in found.characters.values()) == sum(map(len, texts))
    assert sum(found.token_counts) + found.in_bytes == sum(len(kept.tokenizer.encode(text)) for text in texts)
    assert found.cleaning["read"] == 3


def test_without_a_font_korean_pictures_are_text_on_the_page(found: Survey, tmp_path: Path) -> None:
    pictures, names = draw_pictures(found, tmp_path, None)
    assert set(names) == {path.name for path in tmp_path.iterdir()} == {"turns.png", "lengths.png", "duplicates.png"}
    assert "부끄러운" in pictures["Emotions"] and "직장" in pictures["Situations and people"]
    page = write_page(found, pictures, "Corpus: own", ["for a test"])
    assert "숨을 고르고 물 한 모금 드세요." in page
    assert "$5 &amp; 괜찮아요." in page
    assert not re.search(r"<script|<link|(?:src|href)=\"http", page)
    for svg in filter(None, pictures.values()):
        parseString(svg)  # noqa: S318 - our own


def test_pictures_of_two_runs_are_the_same(found: Survey, tmp_path: Path) -> None:
    assert draw_pictures(found, tmp_path, None) == draw_pictures(found, tmp_path, None)


def test_with_a_font_every_picture_is_drawn(found: Survey, tmp_path: Path) -> None:
    font = hangul_font()
    if font is None:
        pytest.skip("no font with Hangul is installed")
    _, names = draw_pictures(found, tmp_path, font)  # a missing glyph would warn, and a warning is an error here
    assert len(names) == 7


def test_a_character_that_no_font_has_becomes_a_dot() -> None:
    assert drawable("a한z", [LATIN]) == "a·z"
