"""Two engines, one checkpoint, the same replies."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import PRETRAINED, CheckpointError, load_checkpoint, save_checkpoint
from model.config import preset
from model.engine import Decoding, EngineKind, _lines, _parts, load_engine
from model.heads import ALARM, Linear
from model.tokenizer import BOT_NAME, OWNER_NAME, Tokenizer
from training.corpus import read_own

GREEDY = Decoding(method="greedy", no_repeat_ngram=0)


@pytest.mark.parametrize("decoding", [GREEDY, Decoding(method="greedy"), Decoding(method="beam")])
def test_both_engines_write_the_same_on_a_small_model(checkpoint_folder: Path, decoding: Decoding) -> None:
    conversations = [["배고프다"], ["오늘 면접 봤는데", "긴 하루였겠어요.", "망했어 ㅠㅠ"], ["너는 누구니?"]]
    reference = load_engine(checkpoint_folder, "tensorflow").reply(conversations, decoding)
    fast = load_engine(checkpoint_folder, compute_type="float32").reply(conversations, decoding)
    for ours, theirs in zip(reference, fast, strict=True):
        assert (ours.text, ours.tokens) == (theirs.text, theirs.tokens)
        assert ours.score == pytest.approx(theirs.score, abs=1e-3)


def test_both_engines_write_the_same_on_200_conversations() -> None:
    """The shipped checkpoint, in float32 and greedily, on real dialogues with and without context."""
    dialogues, _ = read_own()
    conversations = [d.turns[: 2 * (i % 3) + 1] for i, d in enumerate(dialogues) if len(d.turns) > 2 * (i % 3)][:200]
    assert len(conversations) == 200
    fast = load_engine(PRETRAINED, compute_type="float32").reply(conversations, GREEDY)
    reference = load_engine(PRETRAINED, "tensorflow")
    slow = [
        reply for start in range(0, 200, 50) for reply in reference.reply(conversations[start : start + 50], GREEDY)
    ]
    assert [reply.text for reply in fast] == [reply.text for reply in slow]


def test_both_engines_understand_the_same(understanding_folder: Path) -> None:
    messages = ["배고프다", "오늘 면접 봤는데 망했어 ㅠㅠ", "너는 누구니?", "고마워 " * 80, ""]
    reference = load_engine(understanding_folder, "tensorflow")
    fast = load_engine(understanding_folder, compute_type="float32")
    assert reference.understands and fast.understands
    for ours, theirs in zip(reference.understand(messages), fast.understand(messages), strict=True):
        assert ours.emotion == theirs.emotion
        assert ours.probability == pytest.approx(theirs.probability, abs=1e-3)
        assert ours.groups == pytest.approx(theirs.groups, abs=1e-3)
        assert ours.crisis == pytest.approx(theirs.crisis, abs=1e-3)


@pytest.mark.parametrize("kind", ["ctranslate2", "tensorflow"])
def test_names_are_told_to_those_who_ask_and_to_nobody_else(
    understanding_folder: Path, tmp_path: Path, kind: EngineKind
) -> None:
    """A model that would rather say a name than anything, and heads that take every message for a question or none."""
    kept = load_checkpoint(understanding_folder)
    assert kept.heads is not None and kept.heads.identity is not None
    messages = [["배고프다"], ["친구랑 싸웠어"]]
    weights = {name: weight.copy() for name, weight in kept.weights.items()}
    table = weights["embedding/embedding/embeddings"]
    for name, reply in zip(
        (OWNER_NAME, BOT_NAME), load_engine(understanding_folder).reply(messages, GREEDY), strict=True
    ):
        table[name] = 2 * table[reply.ids[0]]
    said = {}
    for sure in (-1e4, 1e4):
        constant = Linear(np.zeros((kept.config.d_model, 1)), np.array([sure]))
        heads = replace(kept.heads, identity=constant, letters={}, phrases={})
        save_checkpoint(tmp_path / str(sure), kept.config, kept.tokenizer, weights, kept.card, heads=heads)
        replies = load_engine(tmp_path / str(sure), kind).reply(messages, GREEDY)
        said[sure] = [{OWNER_NAME, BOT_NAME} & set(reply.ids) for reply in replies]
        assert [reply.identity for reply in replies] == [float(sure > 0)] * 2
    assert said[-1e4] == [set(), set()]
    assert all(said[1e4])


@pytest.mark.parametrize("kind", ["ctranslate2", "tensorflow"])
def test_who_asks_is_told_a_name_even_where_the_search_finds_none(
    understanding_folder: Path, tmp_path: Path, kind: EngineKind
) -> None:
    kept = load_checkpoint(understanding_folder)
    assert kept.heads is not None
    weights = {name: weight.copy() for name, weight in kept.weights.items()}
    weights["embedding/embedding/embeddings"][[OWNER_NAME, BOT_NAME]] = 0  # there is always something likelier
    always = Linear(np.zeros((kept.config.d_model, 1)), np.array([9.0]))
    for name, identity in (("silent", None), ("asked", always)):
        heads = replace(kept.heads, identity=identity, letters={}, phrases={})
        save_checkpoint(tmp_path / name, kept.config, kept.tokenizer, weights, kept.card, heads=heads)
    messages = [["배고프다"], ["친구랑 싸웠어"]]
    without = load_engine(tmp_path / "silent", kind).reply(messages, GREEDY)
    asked = load_engine(tmp_path / "asked", kind).reply(messages, GREEDY)
    assert not any({OWNER_NAME, BOT_NAME} & set(reply.ids) for reply in without)
    assert all(reply.ids[0] == OWNER_NAME for reply in asked)


def test_a_message_is_understood_alike_alone_and_beside_longer_ones(understanding_folder: Path) -> None:
    engine = load_engine(understanding_folder, compute_type="float32")
    together = engine.understand(["배고프다", "오늘 면접 봤는데 망했어 ㅠㅠ"])
    assert together[0].crisis == pytest.approx(engine.understand(["배고프다"])[0].crisis, abs=1e-5)
    assert engine.understand([]) == []


def test_the_most_alarming_line_of_a_turn_is_heard(understanding_folder: Path) -> None:
    engine = load_engine(understanding_folder, compute_type="float32")
    lines = ["배고프다", "오늘 면접 봤는데 망했어 ㅠㅠ", "고마워"]
    turn = "\n".join(lines)
    most = max(said.crisis for said in engine.understand([turn, *lines]))
    [alone, together] = engine.reply([[lines[0]], ["안녕", "반가워요.", turn]])
    assert together.crisis == pytest.approx(most, abs=1e-5)
    assert alone.crisis == pytest.approx(engine.understand([lines[0]])[0].crisis, abs=1e-5)


def test_what_is_said_in_the_middle_of_a_long_line_is_heard() -> None:
    engine = load_engine(PRETRAINED)
    grave, talk = "이제 다 그만두고 조용히 사라지고 싶어", "오늘은 시장에서 두부를 사고 버스를 타고 집에 왔어 "
    [said] = engine.understand([grave])
    long = talk * 20 + grave + " " + talk * 20
    assert said.crisis >= ALARM > engine.understand([long])[0].crisis
    assert engine.reply([[long]])[0].crisis >= ALARM
    assert engine.reply([[talk * 40]])[0].crisis < ALARM


@pytest.mark.parametrize("length", [1, 23, 24, 25, 35, 36, 37, 48, 49, 4096])
def test_every_two_dozen_characters_of_a_line_are_together_in_a_part(length: int) -> None:
    line = "".join(chr(ord("가") + number) for number in range(length))
    parts = _parts(line)
    assert max(map(len, parts)) <= 36
    assert all(any(line[at : at + 24] in part for part in parts) for at in range(max(length - 23, 1)))


def test_a_thousand_lines_are_heard_whole_but_not_each_by_itself(understanding_folder: Path) -> None:
    engine = load_engine(understanding_folder, compute_type="float32")
    read: list[tuple[int, int]] = []
    encode = engine._decoder.encode

    def watched(sources: np.ndarray) -> np.ndarray:
        read.append(sources.shape)
        return encode(sources)

    engine._decoder.encode = watched  # type: ignore[method-assign]
    lines = [f"{number}번째 줄" for number in range(1000)]
    engine.reply([["\n".join(lines)]])
    assert sum(batch for batch, _ in read) <= 700
    assert max(batch for batch, _ in read) <= 16, "memory does not grow with the lines"
    assert " ".join(_lines("\n".join(lines))) == " ".join(lines)
    assert _lines("") == []


def test_a_checkpoint_without_heads_does_not_understand(checkpoint_folder: Path) -> None:
    engine = load_engine(checkpoint_folder)
    assert not engine.understands
    with pytest.raises(ValueError, match="has no heads"):
        engine.understand(["배고프다"])
    assert engine.reply([["배고프다"]])[0].crisis == 0


def test_replies_keep_their_order_and_their_number(checkpoint_folder: Path) -> None:
    engine = load_engine(checkpoint_folder)
    conversations = [[text] for text in ("배고프다", "고마워", "친구랑 싸웠어", "배고프다")]
    together = engine.reply(conversations)
    assert [reply.text for reply in together] == [engine.reply([turns])[0].text for turns in conversations]
    assert engine.reply([]) == []


def test_sampling_repeats_by_seed(checkpoint_folder: Path) -> None:
    engine = load_engine(checkpoint_folder)
    sample = Decoding(method="sample", temperature=1.5)
    texts = [engine.reply([["고마워"]], sample, seed=seed)[0].text for seed in (1, 1, 2, 3)]
    assert texts[0] == texts[1]
    assert len(set(texts)) > 1


def test_the_fast_path_imports_neither_tensorflow_nor_keras(checkpoint_folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from model.engine import load_engine;"
        f"load_engine(Path({str(checkpoint_folder)!r})).reply([['안녕']]);"
        "print([name for name in ('tensorflow', 'keras', 'torch') if name in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_a_shape_that_only_tensorflow_can_express(tokenizer: Tokenizer, tmp_path: Path) -> None:
    from model.transformer import Transformer

    wide = preset("original", vocabulary_size=tokenizer.size, d_model=32, heads=2, key_dim=32, feed_forward=16)
    save_checkpoint(tmp_path / "wide", wide, tokenizer, Transformer(wide).named_weights(), {})
    with pytest.raises(CheckpointError, match="tensorflow engine"):
        load_engine(tmp_path / "wide")
    assert load_engine(tmp_path / "wide", "tensorflow").reply([["안녕"]], GREEDY)[0].tokens >= 0


def test_post_norm_and_separate_embeddings_convert_too(tokenizer: Tokenizer, tmp_path: Path) -> None:
    from model.transformer import Transformer

    config = preset("original", vocabulary_size=tokenizer.size, d_model=32, heads=2, key_dim=16, feed_forward=16)
    save_checkpoint(tmp_path / "post", config, tokenizer, Transformer(config).named_weights(), {})
    texts = [
        load_engine(tmp_path / "post", kind, compute_type="float32").reply([["배고프다"], ["고마워"]], GREEDY)
        for kind in ("tensorflow", "ctranslate2")
    ]
    assert [reply.text for reply in texts[0]] == [reply.text for reply in texts[1]]


def test_the_checkpoint_that_ships_is_small_and_tells_where_it_comes_from() -> None:
    kept = load_checkpoint(PRETRAINED)
    assert sum(path.stat().st_size for path in PRETRAINED.iterdir()) <= 40 * 2**20
    assert {"command", "commit", "licences", "options", "epochs"} <= set(kept.card)
