"""The same Transformer for CTranslate2: weights renamed, transposed and fused, nothing computed anew.

The conversion takes a fraction of a second, so it is done at every start, in a temporary folder: there is no second
file that could fall behind the checkpoint. A translator does not show what its encoder makes of a message, so the heads
of ``model.heads`` read another encoder: their own, or a second copy of the reply's.
"""

import tempfile
from dataclasses import replace
from pathlib import Path

import ctranslate2
import numpy as np
from ctranslate2.specs import common_spec
from ctranslate2.specs.transformer_spec import (
    TransformerDecoderSpec,
    TransformerEncoderModelSpec,
    TransformerEncoderSpec,
    TransformerSpec,
)

from model.checkpoint import Checkpoint, CheckpointError
from model.config import ModelConfig
from model.positional import positional_encoding

_ACTIVATIONS = {"relu": common_spec.Activation.RELU, "gelu": common_spec.Activation.GELU}

Weights = dict[str, np.ndarray]


def convert(checkpoint: Checkpoint) -> dict[str, bytes]:
    """``checkpoint`` as CTranslate2's files by name; ``CheckpointError`` where its shape cannot be expressed there."""
    return _files(_spec(checkpoint))


def convert_encoder(checkpoint: Checkpoint) -> dict[str, bytes]:
    """The encoder that its heads read, likewise."""
    own = {} if checkpoint.heads is None else checkpoint.heads.encoder
    return _files(_encoder_spec(replace(checkpoint, weights={**checkpoint.weights, **own})))


def make_translator(files: dict[str, bytes], *, compute_type: str, threads: int) -> ctranslate2.Translator:
    """Load what ``convert`` made.

    Args:
        files: their contents by name.
        compute_type: ``int8`` (weights of one byte, a third of the time), ``float32``, or another of CTranslate2's.
        threads: cores that one batch uses.
    """
    return ctranslate2.Translator(
        "checkpoint", device="cpu", compute_type=compute_type, inter_threads=1, intra_threads=threads, files=files
    )


def make_encoder(files: dict[str, bytes], *, compute_type: str, threads: int) -> ctranslate2.Encoder:
    """Load what ``convert_encoder`` made; the arguments are those of ``make_translator``."""
    return ctranslate2.Encoder(
        "encoder", device="cpu", compute_type=compute_type, inter_threads=1, intra_threads=threads, files=files
    )


def _files(spec: TransformerSpec | TransformerEncoderModelSpec) -> dict[str, bytes]:
    spec.validate()
    spec.optimize()
    with tempfile.TemporaryDirectory(prefix="malbeot-") as folder:
        spec.save(folder)
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}


def _check(config: ModelConfig) -> None:
    if config.heads * config.key_dim != config.d_model:
        raise CheckpointError(
            f"CTranslate2 cannot express {config.heads} heads of {config.key_dim} in d_model {config.d_model}: "
            "use the tensorflow engine"
        )


def _spec(checkpoint: Checkpoint) -> TransformerSpec:
    config, weights = checkpoint.config, checkpoint.weights
    _check(config)
    spec = TransformerSpec.from_config(
        (config.encoder_layers, config.decoder_layers),
        config.heads,
        pre_norm=config.norm == "pre",
        activation=_ACTIVATIONS[config.activation],
    )
    if config.tied_embeddings:
        target = output = weights["embedding/embedding/embeddings"]
    else:
        target = weights["target/embedding/embeddings"]
        output = weights["output/kernel"].T
        spec.decoder.projection.bias = weights["output/bias"]
    spec.decoder.embeddings.weight = target
    spec.decoder.projection.weight = np.ascontiguousarray(output)
    spec.decoder.position_encodings.encodings = positional_encoding(config.max_target, config.d_model)
    _fill_encoder(spec.encoder, checkpoint)
    _fill_layers(spec.decoder, checkpoint, "decoder")
    tokens = checkpoint.tokenizer.tokens
    spec.register_source_vocabulary(tokens)
    spec.register_target_vocabulary(tokens)
    spec.config.decoder_start_token = "[START]"
    _name_tokens(spec, config)
    return spec


def _encoder_spec(checkpoint: Checkpoint) -> TransformerEncoderModelSpec:
    config = checkpoint.config
    _check(config)
    encoder = TransformerEncoderSpec(
        config.encoder_layers,
        config.heads,
        pre_norm=config.norm == "pre",
        activation=_ACTIVATIONS[config.activation],
    )
    _fill_encoder(encoder, checkpoint)
    spec = TransformerEncoderModelSpec(encoder)
    spec.register_vocabulary(checkpoint.tokenizer.tokens)
    _name_tokens(spec, config)
    return spec


def _name_tokens(spec: TransformerSpec | TransformerEncoderModelSpec, config: ModelConfig) -> None:
    spec.config.bos_token, spec.config.eos_token = "[START]", "[END]"
    # There is no unknown token; CTranslate2 wants one named.
    spec.config.unk_token = "[PAD]"
    spec.config.layer_norm_epsilon = config.layer_norm_epsilon


def _fill_encoder(spec: TransformerEncoderSpec, checkpoint: Checkpoint) -> None:
    config = checkpoint.config
    name = "embedding" if config.tied_embeddings else "source"
    spec.embeddings[0].weight = checkpoint.weights[f"{name}/embedding/embeddings"]
    spec.position_encodings.encodings = positional_encoding(config.max_source, config.d_model)
    _fill_layers(spec, checkpoint, "encoder")


def _fill_layers(spec: TransformerEncoderSpec | TransformerDecoderSpec, checkpoint: Checkpoint, stack: str) -> None:
    weights = checkpoint.weights
    for index, layer in enumerate(spec.layer):
        name = f"{stack}/layer_{index}"
        _self_attention(layer.self_attention, weights, f"{name}/self_attention")
        if stack == "decoder":
            _cross_attention(layer.attention, weights, f"{name}/cross_attention")
        _linear(layer.ffn.linear_0, weights, f"{name}/feed_forward/inner")
        _linear(layer.ffn.linear_1, weights, f"{name}/feed_forward/outer")
        _norm(layer.ffn.layer_norm, weights, f"{name}/feed_forward/residual/norm")
    if checkpoint.config.norm == "pre":
        _norm(spec.layer_norm, weights, f"{stack}/norm")


def _linear(spec: common_spec.LinearSpec, weights: Weights, *names: str) -> None:
    """One linear layer, or several side by side. Keras has kernels ``(in, out)``, CTranslate2 ``(out, in)``."""
    spec.weight = np.ascontiguousarray(np.concatenate([weights[f"{name}/kernel"].T for name in names]))
    spec.bias = np.concatenate([weights[f"{name}/bias"] for name in names])


def _norm(spec: common_spec.LayerNormSpec, weights: Weights, name: str) -> None:
    spec.gamma, spec.beta = weights[f"{name}/gamma"], weights[f"{name}/beta"]


def _self_attention(spec: object, weights: Weights, name: str) -> None:
    parts = [f"{name}/attention/{part}" for part in ("query", "key", "value")]
    _linear(spec.linear[0], weights, *parts)  # type: ignore[attr-defined]
    _linear(spec.linear[1], weights, f"{name}/attention/projection")  # type: ignore[attr-defined]
    _norm(spec.layer_norm, weights, f"{name}/residual/norm")  # type: ignore[attr-defined]


def _cross_attention(spec: object, weights: Weights, name: str) -> None:
    _linear(spec.linear[0], weights, f"{name}/attention/query")  # type: ignore[attr-defined]
    _linear(spec.linear[1], weights, f"{name}/attention/key", f"{name}/attention/value")  # type: ignore[attr-defined]
    _linear(spec.linear[2], weights, f"{name}/attention/projection")  # type: ignore[attr-defined]
    _norm(spec.layer_norm, weights, f"{name}/residual/norm")  # type: ignore[attr-defined]
