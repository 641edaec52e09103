"""The same code trains under JAX, for those who have it:  pip install jax, then this test runs too."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from model.checkpoint import load_checkpoint
from tests.processes import ROOT


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="JAX is not installed")
@pytest.mark.timeout(400)
def test_a_small_run_ends_with_a_checkpoint_under_jax(tmp_path: Path) -> None:
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    command = [sys.executable, "-m", "tests.training.small_run", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    assert load_checkpoint(tmp_path / "checkpoint").card["epochs"][0]["train_loss"] > 0
