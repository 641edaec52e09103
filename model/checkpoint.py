"""A checkpoint: a folder of ``config.json``, ``tokenizer.json``, ``model.safetensors`` and ``card.json``.

``heads.safetensors`` may stand beside them: what else the encoder has learned to say of a message (``model.heads``).

No pickle anywhere: a folder from a stranger can be refused, but it cannot run code. Loading needs no Keras.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as load_safetensors, save as save_safetensors

from model.config import ConfigError, ModelConfig
from model.heads import Heads, head_shapes
from model.letters import letter_shapes
from model.phrases import phrase_shapes
from model.tokenizer import Tokenizer, TokenizerError

PRETRAINED = Path(__file__).with_name("pretrained")

_CONFIG, _TOKENIZER, _WEIGHTS, _CARD = "config.json", "tokenizer.json", "model.safetensors", "card.json"
_HEADS = "heads.safetensors"
_MAX_TEXT = 32 * 2**20  # bytes; no honest configuration, tokenizer or card is larger
_MOST_PARAMETERS = 2**29  # a dozen times the largest preset; loading takes eight bytes of memory for each
_LONGEST_LINE = 600  # characters of an error's message


class CheckpointError(Exception):
    """A folder that is no checkpoint of this program; the message is one line and names the file."""

    def __init__(self, message: str) -> None:
        # It may quote what a stranger's file says: of any length, with line breaks, with commands to a terminal.
        line = "".join(c if c.isprintable() else " " for c in message)
        super().__init__(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}…")


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint folder holds, checked.

    ``weights`` are float32 by name; ``hash`` is 12 hex digits; ``heads`` are None where the encoder has learned none.
    """

    config: ModelConfig
    tokenizer: Tokenizer
    weights: dict[str, np.ndarray]
    card: dict[str, Any]
    hash: str
    heads: Heads | None = None


def weight_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Name and shape of every weight that a Transformer of ``config`` has."""
    shapes: dict[str, tuple[int, ...]] = {}
    d_model, width = config.d_model, config.heads * config.key_dim

    def dense(name: str, inputs: int, outputs: int) -> None:
        shapes[f"{name}/kernel"], shapes[f"{name}/bias"] = (inputs, outputs), (outputs,)

    def norm(name: str) -> None:
        shapes[f"{name}/gamma"] = shapes[f"{name}/beta"] = (d_model,)

    if config.tied_embeddings:
        shapes["embedding/embedding/embeddings"] = (config.vocabulary_size, d_model)
    else:
        shapes["source/embedding/embeddings"] = (config.vocabulary_size, d_model)
        shapes["target/embedding/embeddings"] = (config.vocabulary_size, d_model)
        dense("output", d_model, config.vocabulary_size)
    for stack, layers, attentions in (
        ("encoder", config.encoder_layers, ("self_attention",)),
        ("decoder", config.decoder_layers, ("self_attention", "cross_attention")),
    ):
        for layer in range(layers):
            for attention in attentions:
                for part in ("query", "key", "value"):
                    dense(f"{stack}/layer_{layer}/{attention}/attention/{part}", d_model, width)
                dense(f"{stack}/layer_{layer}/{attention}/attention/projection", width, d_model)
                norm(f"{stack}/layer_{layer}/{attention}/residual/norm")
            dense(f"{stack}/layer_{layer}/feed_forward/inner", d_model, config.feed_forward)
            dense(f"{stack}/layer_{layer}/feed_forward/outer", config.feed_forward, d_model)
            norm(f"{stack}/layer_{layer}/feed_forward/residual/norm")
        if config.norm == "pre":
            norm(f"{stack}/norm")
    return shapes


def encoder_shapes(config: ModelConfig) -> dict[str, tuple[int, ...]]:
    """Those of the encoder and of the embeddings that it reads."""
    read = ("encoder/", "embedding/", "source/")
    return {name: shape for name, shape in weight_shapes(config).items() if name.startswith(read)}


def parameters(config: ModelConfig) -> int:
    """How many numbers a Transformer of ``config`` learns."""
    return sum(int(np.prod(shape)) for shape in weight_shapes(config).values())


def save_checkpoint(
    folder: Path,
    config: ModelConfig,
    tokenizer: Tokenizer,
    weights: Mapping[str, np.ndarray],
    card: Mapping[str, Any],
    *,
    half: bool = False,
    heads: Heads | None = None,
) -> None:
    """Write a whole checkpoint beside ``folder``, then put it in its place: a reader never sees a half of one.

    With ``half`` the weights are stored in float16: half the size, and less than a rounding of what they were. The
    linear heads are small, and always float32.
    """
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    fresh.chmod(0o755)
    try:
        stored = {
            name: np.ascontiguousarray(value, dtype="float16" if half else "float32") for name, value in weights.items()
        }
        written = tokenizer.to_json().encode()
        raw = save_safetensors(stored, {"tokenizer": _digest(written)})
        _write(fresh / _TOKENIZER, written)
        _write(fresh / _WEIGHTS, raw)
        if heads is not None:
            small = head_shapes(config.d_model)
            arrays = {
                name: np.ascontiguousarray(value, dtype="float16" if half and name not in small else "float32")
                for name, value in heads.to_arrays().items()
            }
            _write(fresh / _HEADS, save_safetensors(arrays, {"weights": _digest(raw)}))
        _write(fresh / _CONFIG, _pretty(config.to_dict()))
        _write(fresh / _CARD, _pretty(dict(card)))
        if folder.exists():
            # Two renames: for an instant there is no checkpoint, never a mixed one. A reader that meets it tries again.
            retired = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
            folder.rename(retired / "old")
            fresh.rename(folder)
            shutil.rmtree(retired)
        else:
            fresh.rename(folder)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Put another card into the checkpoint in ``folder``; it is no part of what the checkpoint's hash says."""
    fresh = folder / f".{_CARD}"
    _write(fresh, _pretty(dict(card)))
    fresh.replace(folder / _CARD)


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read and check a checkpoint; ``CheckpointError`` says in one line what is wrong with it."""
    try:
        there = folder.is_dir()
    except OSError as error:
        raise CheckpointError(f"{folder}: {error.strerror}") from None
    if not there:
        raise CheckpointError(f"there is no checkpoint folder {folder}")
    texts = {name: _read_text(folder / name) for name in (_CONFIG, _TOKENIZER, _CARD)}
    try:
        config = ModelConfig.from_dict(json.loads(texts[_CONFIG]))
        tokenizer = Tokenizer.from_json(texts[_TOKENIZER].decode())
        card = json.loads(texts[_CARD])
    except ConfigError as error:
        raise CheckpointError(f"{folder / _CONFIG}: {error}") from None
    except TokenizerError as error:
        raise CheckpointError(f"{folder / _TOKENIZER}: {error}") from None
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{folder}: not JSON in UTF-8: {error}") from None
    if not isinstance(card, dict):
        raise CheckpointError(f"{folder / _CARD}: a card is a JSON object")
    if tokenizer.size != config.vocabulary_size:
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokenizer.size} tokens, the model {config.vocabulary_size}: "
            "they are not of one checkpoint"
        )
    if parameters(config) > _MOST_PARAMETERS:
        raise CheckpointError(f"{folder / _CONFIG}: {parameters(config):,} parameters, more than {_MOST_PARAMETERS:,}")
    weights, raw = _read_weights(folder / _WEIGHTS, weight_shapes(config))
    _check_match(folder / _WEIGHTS, raw, "tokenizer", texts[_TOKENIZER])
    heads, raw_heads = None, b""
    if (folder / _HEADS).exists():
        encoder, shapes = encoder_shapes(config), head_shapes(config.d_model)
        letters, phrases = letter_shapes(), phrase_shapes(config.vocabulary_size, config.d_model)
        identity = {name for name in shapes if name.startswith("identity/")}
        layers = {name for name in encoder if name.startswith("encoder/")}
        optional = identity, layers, set(encoder) - layers, set(letters), set(phrases)
        arrays, raw_heads = _read_weights(folder / _HEADS, {**shapes, **encoder, **letters, **phrases}, optional)
        _check_match(folder / _HEADS, raw_heads, "weights", raw)
        heads = Heads.from_arrays(arrays)
    digest = _digest(texts[_CONFIG] + texts[_TOKENIZER] + raw + raw_heads)
    return Checkpoint(config, tokenizer, weights, card, digest, heads)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _pretty(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=2) + "\n").encode()


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _check_match(path: Path, raw: bytes, name: str, other: bytes) -> None:
    """Weights name the tokenizer that they were learned with, heads the weights; files of an earlier release do not."""
    header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])  # which safetensors has read before
    known = header.get("__metadata__", {}).get(name)
    if known is not None and known != _digest(other):
        raise CheckpointError(f"{path} was not saved with the {name} beside it: they are not of one checkpoint")


def _read_text(path: Path) -> bytes:
    return _read(path, _MAX_TEXT)


def _read_weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], optional: Iterable[Set[str]] = ()
) -> tuple[dict[str, np.ndarray], bytes]:
    """The arrays of a safetensors file, float32 and exactly those of ``shapes``, and the file as it is.

    Each set of ``optional`` may be missing, whole.
    """
    # Four bytes a number, and room for the header.
    raw = _read(path, 4 * sum(int(np.prod(shape)) for shape in shapes.values()) + _MAX_TEXT)
    try:
        weights = load_safetensors(raw)
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise CheckpointError(f"{path}: not a whole safetensors file: {error}") from None
    left_out = {name for names in optional if not names & set(weights) for name in names}
    for name, shape in shapes.items():
        if name in left_out:
            continue
        if name not in weights:
            raise CheckpointError(f"{path}: the weight {name} is missing")
        if weights[name].shape != shape or weights[name].dtype not in (np.float16, np.float32):
            raise CheckpointError(f"{path}: {name} is {weights[name].dtype} {weights[name].shape}, expected {shape}")
        if not np.isfinite(weights[name]).all():
            raise CheckpointError(f"{path}: {name} holds what is no number")
    if foreign := sorted(set(weights) - set(shapes)):
        raise CheckpointError(f"{path}: unknown weight {foreign[0]!r}")
    return {name: weight.astype("float32") for name, weight in weights.items()}, raw


def _read(path: Path, limit: int) -> bytes:
    try:
        if not path.is_file():
            raise CheckpointError(f"{path} is missing")
        if path.stat().st_size > limit:
            raise CheckpointError(f"{path} is larger than such a file can be")
        return path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path}: {error.strerror}") from None
