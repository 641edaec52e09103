"""A small model's report, from its figures to its page."""

import math
from pathlib import Path

import pytest

from model.checkpoint import load_checkpoint
from model.engine import load_engine
from tests.checkpoints import random_checkpoint
from training.corpus import Conversation
from training.identity import read_probes
from training.mixture import Mixture, split_of
from training.report import make_report, prompts, reply_figures, together
from training.report_page import report_page

HELD_OUT = [group for group in map(str, range(2_000)) if split_of(group) == "test"][:12]
TRAINED = [group for group in map(str, range(2_000)) if split_of(group) == "train"][:12]


def talk(group: str) -> Conversation:
    turns = (f"안녕 {group}", "<owner>님이 만든 챗봇이에요.", "배고파", f"{group} 드세요.")
    return Conversation(source="dialogues", group=group, turns=turns, kind="smalltalk")


@pytest.fixture(scope="module")
def mixture() -> Mixture:
    return Mixture(conversations=[talk(group) for group in (*TRAINED, *HELD_OUT)], families=[])


def test_a_report_has_every_figure_and_its_page_shows_them(mixture: Mixture, tmp_path: Path) -> None:
    random_checkpoint(tmp_path)
    report = make_report({"tiny": (load_checkpoint(tmp_path), load_engine(tmp_path))}, mixture)
    tiny = report["subjects"]["tiny"]
    assert report["prompts"] == 24
    assert tiny["by_source"]["dialogues"]["examples"] == 24
    assert set(tiny["by_turn"]) == {"1", "2"}
    assert -1 < tiny["context_gain"] < 1
    assert tiny["by_source"]["dialogues"]["hits_at_1"] is None  # thirteen replies are no twenty
    assert tiny["by_turn"]["1"]["hits_at_1"] is None
    assert tiny["together"]["loss"] == pytest.approx(tiny["by_source"]["dialogues"]["loss"])
    assert tiny["identity"]["asking"] + tiny["identity"]["others"] == len(read_probes())
    # The corpus is its own measure: it gives its name just where the true reply does.
    assert report["subjects"]["corpus"]["replies"]["false_identity"] == 0

    page = report_page(report)
    assert f"{tiny['by_source']['dialogues']['bits_per_character']:.3f}" in page
    assert "너는 누구니?" in page
    assert "<owner>" not in page
    assert "http" not in page


def test_together_every_token_counts_alike() -> None:
    names = "loss", "accuracy", "bits_per_character", "tokens", "examples", "shuffled_sources"
    few = dict(zip(names, (1.0, 0.5, 1.0, 100, 10, 0.5), strict=True))
    many = dict(zip(names, (2.0, 0.2, 4.0, 300, 20, 0.1), strict=True))
    assert together({"few": few}) == pytest.approx({**few, "perplexity": math.e})
    both = together({"few": few, "many": many})
    assert both["loss"] == pytest.approx(1.75) and both["accuracy"] == pytest.approx(0.275)
    # 100 nats at one bit a character, 600 at four: 100 and 150 nats' worth of characters.
    assert both["bits_per_character"] == pytest.approx(700 / 250)
    # 50 nats more and 60 nats more, of 700.
    assert both["shuffled_sources"] == pytest.approx(110 / 700)
    assert (both["examples"], both["tokens"]) == (30, 400)


def test_prompts_are_held_out_contexts_once_each(mixture: Mixture) -> None:
    asked = prompts(mixture.held_out("test"))
    assert asked == prompts(mixture.held_out("test"))
    assert len(set(asked)) == len(asked) == 24
    assert {prompt.context[0].split()[1] for prompt in asked} == set(HELD_OUT)
    assert len(prompts(mixture.held_out("test"), limit=5)) == 5


def test_a_name_given_unasked_is_counted(mixture: Mixture) -> None:
    asked = prompts(mixture.held_out("test"))
    assert reply_figures(["저는 <bot>입니다."] * len(asked), asked)["false_identity"] == 1
