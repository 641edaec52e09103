"""A checkpoint comes back as it was, and a folder that is none gets one clear line."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from model.checkpoint import CheckpointError, encoder_shapes, load_checkpoint, save_checkpoint, write_card
from model.heads import Heads, head_shapes
from model.tokenizer import Tokenizer


@pytest.fixture
def copy(checkpoint_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(checkpoint_folder, tmp_path / "copy"))


def test_it_comes_back_as_it_was(checkpoint_folder: Path, tmp_path: Path) -> None:
    first = load_checkpoint(checkpoint_folder)
    save_checkpoint(tmp_path / "again", first.config, first.tokenizer, first.weights, first.card)
    second = load_checkpoint(tmp_path / "again")
    assert (second.config, second.card, second.hash) == (first.config, first.card, first.hash)
    assert all(np.array_equal(second.weights[name], weight) for name, weight in first.weights.items())


def test_halves_are_stored_in_half_the_space(checkpoint_folder: Path, tmp_path: Path) -> None:
    first = load_checkpoint(checkpoint_folder)
    save_checkpoint(tmp_path / "half", first.config, first.tokenizer, first.weights, first.card, half=True)
    whole, half = (folder / "model.safetensors" for folder in (checkpoint_folder, tmp_path / "half"))
    assert half.stat().st_size < 0.6 * whole.stat().st_size
    for name, weight in load_checkpoint(tmp_path / "half").weights.items():
        np.testing.assert_allclose(weight, first.weights[name], atol=2e-3)


def test_a_new_one_takes_the_old_one_s_place_and_leaves_nothing_behind(copy: Path) -> None:
    kept = load_checkpoint(copy)
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, {"name": "newer"})
    assert load_checkpoint(copy).card == {"name": "newer"}
    assert [path.name for path in copy.parent.iterdir()] == [copy.name]


def test_a_card_does_not_change_the_hash_but_a_weight_does(copy: Path) -> None:
    kept = load_checkpoint(copy)
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, {"name": "renamed"})
    assert load_checkpoint(copy).hash == kept.hash
    kept.weights["decoder/norm/beta"][0] += 1
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, kept.card)
    assert load_checkpoint(copy).hash != kept.hash


def test_a_card_may_be_exchanged_alone(copy: Path) -> None:
    kept, files = load_checkpoint(copy), {path.name for path in copy.iterdir()}
    write_card(copy, {**kept.card, "report": {"split": "test"}})
    assert load_checkpoint(copy).card == {**kept.card, "report": {"split": "test"}}
    assert {path.name for path in copy.iterdir()} == files


def heads(d_model: int) -> Heads:
    numbers = np.random.default_rng(0)
    return Heads.from_arrays({name: numbers.normal(size=shape) for name, shape in head_shapes(d_model).items()})


def test_heads_may_be_there_and_then_belong_to_it(copy: Path) -> None:
    bare = load_checkpoint(copy)
    assert bare.heads is None
    ours = heads(bare.config.d_model)
    save_checkpoint(copy, bare.config, bare.tokenizer, bare.weights, bare.card, half=True, heads=ours)
    kept = load_checkpoint(copy)
    assert kept.heads is not None
    for name, array in kept.heads.to_arrays().items():
        np.testing.assert_array_equal(array, ours.to_arrays()[name].astype("float32"))

    ours.crisis.bias[0] += 1
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, kept.card, heads=ours)
    other = load_checkpoint(copy)
    (copy / "heads.safetensors").unlink()
    assert len({kept.hash, other.hash, load_checkpoint(copy).hash}) == 3


def test_heads_of_an_earlier_release_do_not_know_who_asks(copy: Path) -> None:
    kept = load_checkpoint(copy)
    ours = replace(heads(kept.config.d_model), identity=None)
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, kept.card, heads=ours)
    again = load_checkpoint(copy).heads
    assert again is not None and again.identity is None


@pytest.mark.parametrize("read", ["", "encoder/", ("encoder/", "embedding/")])
def test_heads_may_have_layers_of_their_own_and_embeddings(copy: Path, read: str | tuple[str, ...]) -> None:
    kept = load_checkpoint(copy)
    own = {name: kept.weights[name] for name in encoder_shapes(kept.config) if read and name.startswith(read)}
    ours = replace(heads(kept.config.d_model), encoder=own)
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, kept.card, heads=ours)
    again = load_checkpoint(copy).heads
    assert again is not None and again.encoder.keys() == own.keys()


def test_heads_of_another_checkpoint_are_refused(copy: Path) -> None:
    path, d_model = copy / "heads.safetensors", load_checkpoint(copy).config.d_model
    own = {name: array.astype("float32") for name, array in heads(d_model).to_arrays().items()}
    foreign = {name: array.astype("float32") for name, array in heads(d_model + 1).to_arrays().items()}
    for arrays, named in (
        (foreign, "emotion/kernel"),
        ({**own, "backdoor": np.zeros(5, "float32")}, "backdoor"),
        ({"crisis/bias": own["crisis/bias"]}, "missing"),
        ({name: array for name, array in own.items() if name != "identity/bias"}, "identity/bias is missing"),
    ):
        save_file(arrays, path)
        with pytest.raises(CheckpointError, match=rf"heads\.safetensors.*{named}"):
            load_checkpoint(copy)
    path.write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(CheckpointError, match=r"heads\.safetensors: not a whole"):
        load_checkpoint(copy)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no checkpoint folder"):
        load_checkpoint(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors", "card.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "truncated", "garbage", "a folder"])
def test_a_damaged_file_is_named(copy: Path, name: str, damage: str) -> None:
    path = copy / name
    content = path.read_bytes()
    path.unlink()
    if damage == "a folder":
        path.mkdir()
    elif damage != "missing":
        path.write_bytes(
            {"empty": b"", "truncated": content[: len(content) // 2], "garbage": b"\x80\x04K\x01."}[damage]
        )
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(copy)
    assert "\n" not in str(caught.value)
    assert str(copy) in str(caught.value)


def test_files_of_two_checkpoints_do_not_mix(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "vocabulary_size": config["vocabulary_size"] + 1}))
    with pytest.raises(CheckpointError, match="not of one checkpoint"):
        load_checkpoint(copy)
    (copy / "config.json").write_text(json.dumps({**config, "encoder_layers": 3}))
    with pytest.raises(CheckpointError, match="encoder/layer_2"):
        load_checkpoint(copy)


def test_weights_of_a_wrong_shape_or_name_are_refused(copy: Path) -> None:
    path = copy / "model.safetensors"
    weights = load_file(path)
    save_file({**weights, "decoder/norm/beta": np.zeros(5, "float32")}, path)
    with pytest.raises(CheckpointError, match="decoder/norm/beta"):
        load_checkpoint(copy)
    save_file({**weights, "backdoor": np.zeros(5, "float32")}, path)
    with pytest.raises(CheckpointError, match="backdoor"):
        load_checkpoint(copy)


def safetensors(header: object, data: bytes = b"") -> bytes:
    content = header if isinstance(header, bytes) else json.dumps(header).encode()
    return len(content).to_bytes(8, "little") + content + data


WEIRD = {
    "no header": b"\x05\0\0\0\0\0\0\0",
    "a header of nothing": safetensors({}),
    "no object": safetensors([1]),
    "deep": safetensors(b"[" * 100_000),
    "numbers for names": safetensors({"a": 3}),
    "a negative shape": safetensors({"a": {"dtype": "F32", "shape": [-4], "data_offsets": [0, 16]}}, b"\0" * 16),
    "an absurd shape": safetensors({"a": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 16]}}, b"\0" * 16),
    "an overflowing shape": safetensors({"a": {"dtype": "F32", "shape": [2**63, 2], "data_offsets": [0, 0]}}),
    "another's place": safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [2**40, 2**40 + 16]}}),
    "backwards": safetensors({"a": {"dtype": "F32", "shape": [4], "data_offsets": [16, 0]}}, b"\0" * 16),
    "a kind of number that is none": safetensors(
        {"a": {"dtype": "F33", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 16
    ),
    "a kind that NumPy lacks": safetensors({"a": {"dtype": "BF16", "shape": [8], "data_offsets": [0, 16]}}, b"\0" * 16),
    "a name of a path": safetensors({"../../a\n\x1b[2J": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
    "a long name": safetensors({"a" * 2**20: {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}),
    "metadata of another shape": safetensors({"__metadata__": [1]}),
}


@pytest.mark.parametrize("name", ["model.safetensors", "heads.safetensors"])
@pytest.mark.parametrize("content", WEIRD.values(), ids=WEIRD)
def test_no_safetensors_file_is_too_strange(copy: Path, name: str, content: bytes) -> None:
    (copy / name).write_bytes(content)
    refused(copy, name)


@pytest.mark.parametrize(
    "content",
    [
        '{"vocabulary": ["a\\nb"], "merges": []}',
        '{"vocabulary": [], "merges": [["a", "b"]]}',
        '{"vocabulary": {}, "merges": {}}',
        "[" * 100_000,
        '{"vocabulary": ["\\ud800"], "merges": []}',
    ],
)
def test_no_tokenizer_is_too_strange(copy: Path, content: str) -> None:
    (copy / "tokenizer.json").write_text(content)
    refused(copy, "tokenizer.json|not JSON")


def test_what_the_library_says_of_a_merge_stays_one_line(copy: Path) -> None:
    content = json.loads((copy / "tokenizer.json").read_text())
    content["merges"].append(["\n\x1b[2J" * 1000, "b"])
    (copy / "tokenizer.json").write_text(json.dumps(content))
    refused(copy, "tokenizer.json")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("d_model", 10**400),
        ("d_model", True),
        ("heads", "2"),
        ("vocabulary_size", ["\n"] * 10_000),
        ("dropout", float("nan")),
        ("max_source", 2**62),
        ("encoder_layers", -1),
        ("norm", "\x1b[2J\n"),
        ("\n" * 5000, 1),
    ],
)
def test_no_configuration_is_too_strange(copy: Path, field: str, value: object) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, field: value}))
    refused(copy, "config.json")


def test_a_configuration_of_more_than_memory_holds_is_refused_before_a_weight_is_read(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    huge = {"encoder_layers": 48, "decoder_layers": 48, "d_model": 4096, "heads": 64, "key_dim": 1024}
    (copy / "config.json").write_text(json.dumps({**config, **huge}))
    with (copy / "model.safetensors").open("r+b") as file:
        file.truncate(2**36)  # sparse
    refused(copy, "parameters")


def refused(folder: Path, named: str) -> None:
    with pytest.raises(CheckpointError, match=named) as caught:
        load_checkpoint(folder)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 700


def test_a_weight_that_is_no_number_is_named(copy: Path) -> None:
    weights = load_file(copy / "model.safetensors")
    for strange in (np.nan, np.inf):
        weights["decoder/norm/beta"][3] = strange
        save_file(weights, copy / "model.safetensors")
        refused(copy, "decoder/norm/beta holds what is no number")


def test_the_files_of_two_checkpoints_of_one_shape_do_not_mix(copy: Path, tmp_path: Path) -> None:
    kept = load_checkpoint(copy)
    vocabulary = json.loads(kept.tokenizer.to_json())
    vocabulary["vocabulary"][-2:] = vocabulary["vocabulary"][:-3:-1]
    other_tokenizer = Tokenizer.from_json(json.dumps(vocabulary))
    other = tmp_path / "other"
    weights = {name: weight + 1 for name, weight in kept.weights.items()}
    ours = heads(kept.config.d_model)
    save_checkpoint(copy, kept.config, kept.tokenizer, kept.weights, kept.card, heads=ours)
    save_checkpoint(other, kept.config, other_tokenizer, weights, kept.card, heads=ours)
    for name, named in (
        ("tokenizer.json", "the tokenizer beside it"),
        ("model.safetensors", "the tokenizer beside it"),
        ("heads.safetensors", "the weights beside it"),
    ):
        mixed = Path(shutil.copytree(copy, tmp_path / f"mixed {name}"))
        shutil.copy(other / name, mixed / name)
        refused(mixed, named)


def test_a_folder_that_cannot_be_looked_into_is_one_line(tmp_path: Path) -> None:
    for folder in (tmp_path / ("x" * 5000), Path("/dev/null"), Path("a\0b")):
        with pytest.raises(CheckpointError):
            load_checkpoint(folder)


def test_links_to_what_is_no_file_are_not_followed(copy: Path) -> None:
    for target in ("/dev/zero", "/proc/self/mem", "/", "/etc/passwd", "card.json"):
        (copy / "card.json").unlink()
        (copy / "card.json").symlink_to(target)
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(copy)
        assert "root:" not in str(caught.value)


def test_a_header_that_claims_more_than_there_is(copy: Path) -> None:
    (copy / "model.safetensors").write_bytes((2**62).to_bytes(8, "little") + b"{}")
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        load_checkpoint(copy)


def test_a_file_larger_than_it_can_be_is_not_read(copy: Path) -> None:
    with (copy / "model.safetensors").open("r+b") as file:
        file.truncate(2**33)  # sparse: takes no room on the disk
    with pytest.raises(CheckpointError, match="larger"):
        load_checkpoint(copy)
