"""Small real models, trained nowhere: random weights suffice where engines are held against each other."""

from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import encoder_shapes, load_checkpoint, save_checkpoint
from model.config import ModelConfig, preset
from model.heads import Heads, head_shapes
from model.letters import letter_shapes
from model.phrases import phrase_shapes
from model.tokenizer import Tokenizer

SENTENCES = [
    "오늘 면접 봤는데 망했어 ㅠㅠ", "긴 하루였겠어요. 어떤 질문이 어려웠어요?", "너는 누구니?", "저는 <owner>님이 만든 챗봇이에요.",
    "배고프다 뭐 먹지", "따뜻한 국물은 어때요?", "친구랑 싸웠어", "먼저 연락해 보고 싶은 마음도 있나요?", "고마워 <bot>아",
]  # fmt: skip


@pytest.fixture(scope="session")
def tokenizer() -> Tokenizer:
    return Tokenizer.train(SENTENCES * 3, 400)


@pytest.fixture(scope="session")
def tiny(tokenizer: Tokenizer) -> ModelConfig:
    return preset(
        "default", vocabulary_size=tokenizer.size, d_model=32, heads=2, key_dim=16, feed_forward=64,
        encoder_layers=2, decoder_layers=2, max_source=64, max_target=32,
    )  # fmt: skip


@pytest.fixture(scope="session")
def checkpoint_folder(tiny: ModelConfig, tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import keras

    from model.transformer import Transformer
    from tests.model.shaken import shaken

    keras.utils.set_random_seed(7)
    folder = tmp_path_factory.mktemp("checkpoint") / "tiny"
    save_checkpoint(folder, tiny, tokenizer, shaken(Transformer(tiny)).named_weights(), {"name": "tiny"})
    return folder


@pytest.fixture(scope="session")
def understanding_folder(checkpoint_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with heads, which have learned nothing either, and an encoder of their own."""
    kept = load_checkpoint(checkpoint_folder)
    numbers = np.random.default_rng(7)
    shapes = head_shapes(kept.config.d_model)
    arrays = {name: numbers.normal(size=shape) for name, shape in shapes.items()}
    others = {**letter_shapes(), **phrase_shapes(kept.config.vocabulary_size, kept.config.d_model)}
    arrays |= {name: numbers.normal(size=shape, scale=0.1) for name, shape in others.items()}
    for name in encoder_shapes(kept.config):
        arrays[name] = kept.weights[name] + numbers.normal(size=kept.weights[name].shape, scale=0.05)
    heads = Heads.from_arrays(arrays)
    folder = tmp_path_factory.mktemp("checkpoint") / "understanding"
    save_checkpoint(folder, kept.config, kept.tokenizer, kept.weights, kept.card, heads=heads)
    return folder
