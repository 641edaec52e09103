"""A small Transformer learns, and a run that was killed goes on as if nothing had been."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from model.checkpoint import load_checkpoint
from model.emotions import CODES
from model.engine import Decoding, load_engine
from tests.processes import ROOT
from training.mixture import Mixture
from training.options import TrainingOptions
from training.state import StateError, load_progress
from training.trainer import TrainingError, train


def run(options: TrainingOptions, mixture: Mixture, out: Path) -> list[str]:
    said: list[str] = []
    train(options, mixture, out, provenance={"command": "test"}, say=said.append)
    return said


@pytest.mark.timeout(600)  # forty epochs, each of them validated
def test_it_learns_who_answers_what(
    options: TrainingOptions, mixture: Mixture, out: Path, pairs: dict[str, str]
) -> None:
    said = run(replace(options, epochs=40, patience=40, peak_rate=1e-2, dropout=0.0), mixture, out)
    kept = load_checkpoint(out / "checkpoint")
    first, last = kept.card["epochs"][0], kept.card["epochs"][-1]
    assert kept.card["backends"] == ["tensorflow"]
    assert last["train_loss"] < 0.6 * first["train_loss"]
    assert len(said) == 41  # what it will take, and a line for each epoch
    assert (out / "curves.png").read_bytes().startswith(b"\x89PNG")
    replies = load_engine(out / "checkpoint").reply([[f"나 {message}"] for message in pairs], Decoding(method="greedy"))
    right = [reply.text == expected for reply, expected in zip(replies, pairs.values(), strict=True)]
    assert sum(right) >= 6


@pytest.mark.timeout(400)  # three processes that load TensorFlow, one after the other
def test_a_run_killed_at_any_moment_ends_where_the_whole_run_ends(tmp_path: Path) -> None:
    small_run(tmp_path / "whole").communicate()
    process = small_run(tmp_path / "killed")
    while batches_done(tmp_path / "killed") < 2:  # at whatever moment after so many
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.communicate()
    last = small_run(tmp_path / "killed")
    said, _ = last.communicate()

    assert last.returncode == 0
    assert "going on with epoch 1" in said
    whole, resumed = (load_checkpoint(tmp_path / name / "checkpoint") for name in ("whole", "killed"))
    for name, weight in whole.weights.items():
        np.testing.assert_array_equal(weight, resumed.weights[name])
    losses = [[row["train_loss"] for row in kept.card["epochs"]] for kept in (whole, resumed)]
    assert losses[0] == losses[1]


def small_run(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.training.small_run", str(out)]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def batches_done(out: Path) -> int:
    """By the state that was saved last."""
    progress = load_progress(out)
    return 0 if progress is None else progress["step"]


def test_a_run_is_gone_on_with_but_not_turned_into_another(
    options: TrainingOptions, mixture: Mixture, out: Path
) -> None:
    run(replace(options, epochs=1), mixture, out)
    with pytest.raises(TrainingError, match="another dropout:"):
        run(replace(options, epochs=1, dropout=0.3), mixture, out)
    with pytest.raises(TrainingError, match="another corpus:"):
        run(replace(options, epochs=1), replace(mixture, conversations=mixture.conversations[1:]), out)
    run(replace(options, epochs=2), mixture, out)
    assert [row["epoch"] for row in load_checkpoint(out / "checkpoint").card["epochs"]] == [1, 2]


def test_a_run_whose_loss_is_no_number_ends_and_keeps_what_it_had(
    options: TrainingOptions, mixture: Mixture, out: Path
) -> None:
    run(replace(options, epochs=1), mixture, out)
    kept = load_checkpoint(out / "checkpoint").hash
    state = load_file(out / "state.safetensors")
    progress = load_progress(out)
    broken = {name: np.full_like(array, np.nan) if array.dtype == "float32" else array for name, array in state.items()}
    save_file(broken, out / "state.safetensors", metadata={"progress": json.dumps(progress)})
    with pytest.raises(TrainingError, match="no number any more"):
        run(replace(options, epochs=2), mixture, out)
    assert load_checkpoint(out / "checkpoint").hash == kept


def test_a_damaged_state_is_named(tmp_path: Path) -> None:
    assert load_progress(tmp_path) is None
    (tmp_path / "state.safetensors").write_bytes(b"half of it")
    with pytest.raises(StateError, match="cannot be read"):
        load_progress(tmp_path)


def test_heads_are_learned_and_kept_with_the_checkpoint(options: TrainingOptions, mixture: Mixture, out: Path) -> None:
    labelled = replace(
        mixture,
        conversations=[
            replace(talk, source="dialogues", kind="emotion", emotion=emotion)
            for talk in mixture.conversations
            for message, emotion in (("슬퍼", "E20"), ("기뻐", "E60"), ("화나", "E10"), ("더워", "E13"))
            if message in talk.turns[0]
        ],
    )
    run(replace(options, epochs=1, emotion_weight=1.0), labelled, out)
    kept = load_checkpoint(out / "checkpoint")
    assert kept.heads is not None
    learned = np.argsort(kept.heads.emotion.bias)[-4:]
    assert {CODES[index] for index in learned} == {"E20", "E60", "E10", "E13"}

    # Another run may begin from them.
    again = replace(options, epochs=1, peak_rate=1e-9)
    train(again, labelled, out.with_name("again"), provenance={}, say=print, begin_from=kept)
    begun = load_checkpoint(out.with_name("again") / "checkpoint").heads
    assert begun is not None
    np.testing.assert_allclose(begun.emotion.kernel, kept.heads.emotion.kernel, atol=1e-5)


def test_it_stops_when_relevance_no_longer_improves(options: TrainingOptions, mixture: Mixture, out: Path) -> None:
    run(replace(options, epochs=10, patience=1, peak_rate=1e-9), mixture, out)
    assert len(load_checkpoint(out / "checkpoint").card["epochs"]) < 10
