"""Checkpoints for tests that need one to be loaded, and do not mind what it says."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from model.checkpoint import save_checkpoint, weight_shapes
from model.config import PRESETS
from model.heads import Heads, head_shapes
from model.tokenizer import Tokenizer


def random_checkpoint(folder: Path, *, heads: bool = False, seed: int = 7) -> Path:
    """Write a tiny checkpoint that has learnt nothing; made without TensorFlow, in a moment. Another seed, another one.

    Most have nothing to say.
    """
    tokenizer = Tokenizer.train(["안녕하세요", "오늘은 어떤 하루였어요?"], vocabulary_size=300)
    config = replace(
        PRESETS["default"], vocabulary_size=tokenizer.size, d_model=16, heads=2, key_dim=8, feed_forward=16
    )
    numbers = np.random.default_rng(seed)
    weights = {name: numbers.normal(size=shape, scale=0.1) for name, shape in weight_shapes(config).items()}
    arrays = {name: numbers.normal(size=shape, scale=0.1) for name, shape in head_shapes(config.d_model).items()}
    learned = Heads.from_arrays(arrays) if heads else None
    save_checkpoint(folder, config, tokenizer, weights, {"preset": "tiny"}, heads=learned)
    return folder
