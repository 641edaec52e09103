"""How much faster the trainer's batches are than the plain way: the same model on the same replies, side by side.

    python -m tests.benchmarks.training

The plain way is `model.fit` on arrays padded to the longest row, in float32, as a first script would have it. Ours sorts
replies of like lengths into batches, and computes in what the processor is fast at. Tokens are those of the replies,
padding not counted; the first batches of both, which are traced, are left out.
"""

import argparse
import random
import time

import keras
import numpy as np

from model.checkpoint import PRETRAINED, load_checkpoint
from model.config import preset
from training.batches import Batch, bucketed, examples, to_batch
from training.corpus import read_own
from training.hardware import fastest_precision
from training.mixture import Mixture
from training.options import TrainingOptions
from training.recipe import Recipe
from training.trainer import _compiled


class _Clock(keras.callbacks.Callback):
    """When each batch of `fit` was done."""

    def __init__(self) -> None:
        super().__init__()
        self.times: list[float] = []

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:  # noqa: ARG002 - named by Keras
        self.times.append(time.perf_counter())


def main(name: str, steps: int, size: int) -> float:
    """Measure both; returns how many times as many tokens a second ours does."""
    kept = load_checkpoint(PRETRAINED)
    dialogues, families = read_own()
    mixture = Mixture(conversations=dialogues, families=families, recipe=Recipe(draws={"other": 2}, topic_changes=0.3))
    config = preset(name, vocabulary_size=kept.tokenizer.size)
    rows = examples(mixture.epoch(0, 1), kept.tokenizer, config)
    rng = random.Random(0)
    rows = rng.sample(rows, size * (steps + 2))
    plain = fitted(rows, name, config, size)
    ours = bucketed_steps(list(bucketed(rows, size, rng)), name, config, size)
    print(f"{name}: plain fit {plain:,.0f} tokens/s, ours {ours:,.0f} tokens/s: {ours / plain:.2f} times as many")
    return ours / plain


def fitted(rows: list, name: str, config: object, size: int) -> float:
    """Tokens a second of `model.fit` on padded float32 batches in the order in which they come."""
    keras.config.set_dtype_policy("float32")
    model = _compiled(config, _options(name, size), 1_000)
    whole = to_batch(rows)
    clock = _Clock()
    model.fit(vars(whole), whole.label, batch_size=size, epochs=1, shuffle=False, verbose=0, callbacks=[clock])
    tokens = sum(len(row.label) for row in rows[2 * size :])
    return tokens / (clock.times[-1] - clock.times[1])


def bucketed_steps(batches: list[Batch], name: str, config: object, size: int) -> float:
    """Tokens a second of the trainer's own steps."""
    keras.config.set_dtype_policy(fastest_precision())
    model = _compiled(config, _options(name, size), 1_000)
    for batch in batches[:2]:
        model.train_on_batch(vars(batch), batch.label)
    began = time.perf_counter()
    for batch in batches[2:]:
        model.train_on_batch(vars(batch), batch.label)
    return sum(batch.tokens for batch in batches[2:]) / (time.perf_counter() - began)


def _options(name: str, size: int) -> TrainingOptions:
    return TrainingOptions(preset=name, batch_size=size)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--preset", default="default")
    parser.add_argument("--steps", type=int, default=40, help="batches of each way")
    parser.add_argument("--batch-size", type=int, default=48)
    keras.utils.set_random_seed(0)
    np.random.seed(0)
    asked = parser.parse_args()
    main(asked.preset, asked.steps, asked.batch_size)
