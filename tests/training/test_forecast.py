"""Some steps are tried and taken back."""

import random
from pathlib import Path

import numpy as np
import pytest
from keras import ops

from tests.training.conftest import tiny
from training.batches import bucketed, examples
from training.forecast import Forecast, forecast
from training.mixture import Mixture
from training.options import TrainingOptions
from training.state import variables
from training.trainer import _compiled, _tokenizer


def test_the_model_is_what_it_was_when_some_steps_have_been_tried(
    options: TrainingOptions, mixture: Mixture, tmp_path: Path
) -> None:
    tokenizer = _tokenizer(tmp_path / "tokenizer.json", mixture, options)
    rows = examples(mixture.epoch(0, 1), tokenizer, tiny())
    batches = list(bucketed(rows, options.batch_size, random.Random(0)))
    model = _compiled(tiny(), options, 100)
    before = [ops.convert_to_numpy(variable) for variable in variables(model)]
    made = forecast(model, batches, left=3)
    for variable, value in zip(variables(model), before, strict=True):
        np.testing.assert_array_equal(ops.convert_to_numpy(variable), value)
    assert made.seconds > 0
    assert made.disk > 4 * sum(value.size for value in before)
    assert made.memory > 50 * 2**20  # TensorFlow alone is larger


@pytest.mark.parametrize(("seconds", "said"), [(20, "1 min"), (1_500, "25 min"), (9_000, "2.5 hours")])
def test_it_is_said_in_words(seconds: float, said: str) -> None:
    assert str(Forecast(seconds, 2**31, 10 * 2**20)) == (
        f"this will take about {said}, 2.0 GiB of memory and 10 MiB of disk; it can be stopped and goes on where it was"
    )
