"""A small Transformer learns, and a run that was killed goes on as if nothing had been."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model.checkpoint import load_checkpoint
from model.engine import Decoding, load_engine
from training import trainer
from training.mixture import Mixture
from training.options import TrainingOptions
from training.trainer import TrainingError, train


def run(options: TrainingOptions, mixture: Mixture, out: Path) -> list[str]:
    said: list[str] = []
    train(options, mixture, out, provenance={"command": "test"}, say=said.append)
    return said


def test_it_learns_who_answers_what(
    options: TrainingOptions, mixture: Mixture, out: Path, pairs: dict[str, str]
) -> None:
    said = run(replace(options, epochs=30, patience=30, dropout=0.0), mixture, out)
    kept = load_checkpoint(out / "checkpoint")
    first, last = kept.card["epochs"][0], kept.card["epochs"][-1]
    assert last["train_loss"] < 0.6 * first["train_loss"]
    assert len(said) == 30
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    replies = load_engine(out / "checkpoint").reply([[f"나 {message}"] for message in pairs], Decoding(method="greedy"))
    right = [reply.text == expected for reply, expected in zip(replies, pairs.values(), strict=True)]
    assert sum(right) >= 6


class KilledError(Exception):
    """Stands for the end of the process: nothing after it is run or saved."""


def test_a_killed_run_ends_with_the_very_same_weights(
    options: TrainingOptions, mixture: Mixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainer, "_SAVE_EVERY", 2)
    run(options, mixture, tmp_path / "whole")

    steps = 0
    advance = trainer.TrainingProgress.advance

    def killed(self: trainer.TrainingProgress, tokens: int, loss: float) -> None:
        nonlocal steps
        steps += 1
        if steps in (4, 9):  # once in the first epoch, once in a later one
            raise KilledError
        advance(self, tokens, loss)

    monkeypatch.setattr(trainer.TrainingProgress, "advance", killed)
    for _ in range(2):
        with pytest.raises(KilledError):
            run(options, mixture, tmp_path / "killed")
    said = run(options, mixture, tmp_path / "killed")

    assert said[0].startswith("going on with epoch")
    whole, resumed = (load_checkpoint(tmp_path / name / "checkpoint") for name in ("whole", "killed"))
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    assert [row["train_loss"] for row in whole.card["epochs"]] == [row["train_loss"] for row in resumed.card["epochs"]]


def test_a_folder_of_another_run_is_not_overwritten(options: TrainingOptions, mixture: Mixture, out: Path) -> None:
    run(replace(options, epochs=1), mixture, out)
    with pytest.raises(TrainingError, match="other options"):
        run(replace(options, epochs=1, dropout=0.3), mixture, out)


def test_more_epochs_go_on_with_a_finished_run(options: TrainingOptions, mixture: Mixture, out: Path) -> None:
    run(replace(options, epochs=1), mixture, out)
    run(replace(options, epochs=2), mixture, out)
    assert [row["epoch"] for row in load_checkpoint(out / "checkpoint").card["epochs"]] == [1, 2]


def test_it_stops_when_relevance_no_longer_improves(options: TrainingOptions, mixture: Mixture, out: Path) -> None:
    run(replace(options, epochs=10, patience=2, peak_rate=1e-9), mixture, out)
    assert len(load_checkpoint(out / "checkpoint").card["epochs"]) < 10
