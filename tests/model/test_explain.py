"""What is shown is what the model looked at, and a person can read it."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from matplotlib.image import imread

from model.attention import KeysValues, MultiHeadAttention, Tensor
from model.checkpoint import PRETRAINED, Checkpoint, load_checkpoint
from model.config import ModelConfig, preset
from model.decoding import make_decoder
from model.explain.explanation import Explanation, explain
from model.explain.fonts import drawable, hangul_font
from model.explain.page import page
from model.explain.picture import draw
from model.explain.pieces import pieces
from model.explain.trace import trace
from model.options import Decoding
from model.tokenizer import BOT, END, OWNER_NAME, PAD, START, USER, Tokenizer
from model.transformer import Transformer
from tests.model.shaken import shaken

SOURCE = np.array([[START, USER, 290, 300, 310, END, PAD, PAD], [START, USER, 270, 301, 302, 303, 304, END]], "int32")
TARGET = np.array([[START, 280, 290, 300], [START, 301, 290, 281]], "int32")


@pytest.fixture(scope="module")
def model(tiny: ModelConfig) -> Transformer:
    """A model whose heads look at different things: random, and not as even as a new one."""
    keras.utils.set_random_seed(11)
    return shaken(Transformer(tiny))


@pytest.fixture(scope="module")
def explanation(checkpoint_folder: Path) -> Explanation:
    return look_into(load_checkpoint(checkpoint_folder), [290, 300, OWNER_NAME], max_tokens=32)


def look_into(checkpoint: Checkpoint, reply: list[int], max_tokens: int) -> Explanation:
    return explain(
        checkpoint, ["ok"], reply, reply_text="</script>", max_tokens=max_tokens, owner="Yeonjun", bot="Malbeot"
    )


def test_the_walk_is_the_forward_pass(model: Transformer) -> None:
    np.testing.assert_allclose(
        trace(model, SOURCE, TARGET).logits, model({"source": SOURCE, "target": TARGET}), atol=1e-4
    )


def test_so_it_is_with_the_norm_after_the_branch_and_embeddings_of_their_own(tokenizer: Tokenizer) -> None:
    model = Transformer(preset("original", vocabulary_size=tokenizer.size, d_model=32, heads=2, key_dim=32))
    np.testing.assert_allclose(
        trace(model, SOURCE, TARGET).logits, model({"source": SOURCE, "target": TARGET}), atol=1e-4
    )


def test_every_row_shares_out_exactly_one(model: Transformer, tiny: ModelConfig) -> None:
    seen = trace(model, SOURCE, TARGET)
    assert seen.encoder.shape == (2, tiny.encoder_layers, tiny.heads, 8, 8)
    assert seen.decoder.shape == (2, tiny.decoder_layers, tiny.heads, 4, 4)
    assert seen.cross.shape == (2, tiny.decoder_layers, tiny.heads, 4, 8)
    for weights in (seen.encoder, seen.decoder, seen.cross):
        np.testing.assert_allclose(weights.sum(-1), 1, atol=1e-5)


def test_padding_gets_nothing_and_neither_does_the_future(model: Transformer) -> None:
    seen = trace(model, SOURCE, TARGET)
    assert not seen.encoder[0, ..., 6:].any()
    assert not seen.cross[0, ..., 6:].any()
    assert seen.cross[1, ..., 6:].all()
    assert not np.triu(seen.decoder, k=1).any()
    assert np.tril(seen.decoder).sum() == pytest.approx(seen.decoder.sum())


def test_a_decoded_reply_was_looked_for_where_the_trace_says(
    model: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Written token by token with the cache, each step's weights are a row of what the whole target gives."""
    source = SOURCE[1:]
    decoded = make_decoder(model, Decoding(max_tokens=8))(tf.constant(source), tf.constant([0, 0])).ids.numpy()
    target = np.concatenate([[[START]], decoded[:, :-1]], axis=1)
    target = target[:, : int((decoded != PAD).sum())]
    seen = trace(model, source, target)

    noted: list[np.ndarray] = []
    attend = MultiHeadAttention.attend

    def noting(layer: MultiHeadAttention, x: Tensor, keys_values: KeysValues, mask: Tensor | None) -> KeysValues:
        y, weights = attend(layer, x, keys_values, mask)
        noted.append(ops.convert_to_numpy(weights)[0, :, 0])  # (heads, …) of the one target there is
        return y, weights

    memory, mask = model.encode(source)
    cache = model.decoder.start(memory, 8)
    monkeypatch.setattr(MultiHeadAttention, "attend", noting)
    for position in range(target.shape[1]):
        noted.clear()
        _, cache = model.step(target[:, position], position, cache, mask)
        for layer in range(model.config.decoder_layers):
            written, read = noted[2 * layer], noted[2 * layer + 1]
            np.testing.assert_allclose(
                written[:, : position + 1], seen.decoder[0, layer, :, position, : position + 1], atol=1e-5
            )
            np.testing.assert_allclose(read, seen.cross[0, layer, :, position], atol=1e-5)


def test_rows_are_what_was_written_columns_what_was_read(explanation: Explanation) -> None:
    assert explanation.decoder.columns[0].text == "[START]"
    assert [piece.text for piece in explanation.cross.rows][-2:] == ["Yeonjun", "[END]"]
    assert explanation.decoder.rows == explanation.cross.rows
    assert explanation.encoder.rows == explanation.cross.columns
    for heat_map in (explanation.cross, explanation.encoder, explanation.decoder):
        assert heat_map.weights.shape[2:] == (len(heat_map.rows), len(heat_map.columns))
    assert len(explanation.probability) == len(explanation.cross.rows)
    assert all(0 < share < 1 for share in explanation.probability)


def test_a_reply_that_was_cut_has_no_end(checkpoint_folder: Path) -> None:
    cut = look_into(load_checkpoint(checkpoint_folder), [290, 300, 301], max_tokens=3)
    assert len(cut.cross.rows) == len(cut.decoder.columns) == 3
    assert "[END]" not in [piece.text for piece in cut.cross.rows]


def test_tokens_are_shown_as_a_person_reads_them(tokenizer: Tokenizer) -> None:
    def labels(ids: list[int]) -> list[str]:
        return [piece.label for piece in pieces(tokenizer, ids, owner="이연준", bot="말벗")]

    assert labels([START, USER, OWNER_NAME, BOT]) == ["[START]", "[USER]", "이연준", "[BOT]"]
    spelled = labels(tokenizer.encode("뷁"))
    assert spelled[-3:] == ["-뷁¹", "-뷁²", "-뷁³"]
    assert labels([7 + 0xEC, 7 + 0x41, 7 + 0x0A]) == ["0xEC", "-A", "U+000A"]
    assert labels(tokenizer.encode("\u200d"))[-3:] == ["U+200D¹", "U+200D²", "U+200D³"]


def test_endings_hang_on_their_word() -> None:
    tokenizer = load_checkpoint(PRETRAINED).tokenizer
    shown = pieces(tokenizer, tokenizer.encode("운전면허 드디어 땄다!!"), owner="이연준", bot="말벗")
    assert [piece.label for piece in shown] == ["운전", "-면", "-허", "드디어", "␣", "-땄", "-다", "!", "!"]
    assert [piece.text for piece in shown if not piece.glued] == ["운전", "드디어", "␣"]


def test_no_piece_is_empty_and_every_id_has_one(tokenizer: Tokenizer) -> None:
    shown = pieces(tokenizer, list(range(tokenizer.size)), owner="이연준", bot="말벗")
    assert len(shown) == tokenizer.size
    assert all(piece.text.strip() for piece in shown)


def test_a_page_is_whole_and_asks_no_other_address(explanation: Explanation) -> None:
    text = page(explanation, "encoder")
    before, content, after = re.split(r'(?<=id="data">)(.*?)(?=</script>)', text, maxsplit=1, flags=re.DOTALL)
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=|href=", before + after)
    data = json.loads(content)
    assert (data["begin"], data["message"], data["reply"]) == ("encoder", "ok", "</script>")
    for name in ("cross", "encoder", "decoder"):
        heat_map, packed = getattr(explanation, name), data["maps"][name]
        weights = np.frombuffer(base64.b64decode(packed["weights"]), "<u2").reshape(heat_map.weights.shape) / 65535
        np.testing.assert_allclose(weights, heat_map.weights, atol=1e-4)
        assert [tuple(piece) for piece in packed["columns"]] == heat_map.columns


@pytest.mark.parametrize("kind", ["cross", "encoder", "decoder"])
def test_a_picture_is_drawn(explanation: Explanation, kind: str, tmp_path: Path) -> None:
    """Hangul that no font here may have is drawn as dots, so this needs no font but matplotlib's own."""
    draw(explanation, kind, tmp_path / "look.png", "DejaVu Sans")
    assert min(imread(tmp_path / "look.png").shape[:2]) > 300


def test_a_font_without_hangul_does_not_count() -> None:
    assert hangul_font(["No Such Font"]) is None
    assert hangul_font(["DejaVu Sans"]) is None
    assert drawable("가 a", ["DejaVu Sans"]) == "· a"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "model", *arguments], capture_output=True, text=True)


def test_the_command_answers_as_reply_does(checkpoint_folder: Path, tmp_path: Path) -> None:
    here = ["--checkpoint", str(checkpoint_folder)]
    history = ["--history", "배고프다", "--history", "따뜻한 국물은 어때요?"]
    ran = run("explain", "고마워", *history, *here, "--out", str(tmp_path / "look.html"))
    assert ran.returncode == 0, ran.stderr
    turns = json.dumps({"turns": ["배고프다", "따뜻한 국물은 어때요?", "고마워"]})
    replied = subprocess.run(
        [sys.executable, "-m", "model", "reply", *here], input=turns, capture_output=True, text=True
    )
    assert ran.stdout.strip() == json.loads(replied.stdout)["reply"]
    assert '["[BOT]",false,true]' in (tmp_path / "look.html").read_text(encoding="utf-8"), (
        "the history was read as well"
    )


def test_faults_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    without_tensorflow = (
        "import sys; sys.modules['tensorflow'] = None\n"
        "sys.argv = ['model', 'explain', '안녕', '--out', sys.argv[1]]\n"
        "from model.__main__ import app; app()"
    )
    for ran, named in (
        (run("explain", "안녕", "--out", str(tmp_path / "look.pdf")), ".png or .html"),
        (run("explain", "안녕", "--out", str(tmp_path / "none" / "look.html")), "does not exist"),
        (run("explain", " ", "--out", str(tmp_path / "look.html")), "empty"),
        (run("explain", "안녕", "--history", "배고파", "--out", str(tmp_path / "look.html")), "exchanges"),
        (run("explain", "안녕", "--checkpoint", str(tmp_path / "x"), "--out", str(tmp_path / "l.html")), "checkpoint"),
        (
            subprocess.run(
                [sys.executable, "-c", without_tensorflow, str(tmp_path / "look.html")], capture_output=True, text=True
            ),
            "package tensorflow",
        ),
    ):
        assert ran.returncode == 2
        assert ran.stderr.startswith("error: ")
        assert ran.stderr.count("\n") == 1
        assert named in ran.stderr
