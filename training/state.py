"""A run that can be killed at any moment: all of its numbers in one file, replaced in one rename."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

_FILE = "state.safetensors"


class StateError(Exception):
    """A saved state that cannot be read; the message says what to do."""


def save_state(folder: Path, model: keras.Model, progress: dict[str, Any]) -> None:
    """Weights, optimizer, dropout's random state and ``progress`` (JSON) as they are now."""
    # bfloat16 and integers keep their type: a resumed run goes on from the very same numbers.
    arrays = {f"{index:05}": keras.ops.convert_to_numpy(variable) for index, variable in enumerate(variables(model))}
    fresh = folder / f"{_FILE}.new"
    save_file(arrays, fresh, metadata={"progress": json.dumps(progress, ensure_ascii=False)})
    fresh.replace(folder / _FILE)


def load_progress(folder: Path) -> dict[str, Any] | None:
    """What ``save_state`` was told of the run's progress, None if nothing is saved; ``StateError`` if it is damaged."""
    path = folder / _FILE
    if not path.is_file():
        return None
    try:
        with safe_open(path, framework="numpy") as file:
            progress: dict[str, Any] = json.loads(file.metadata()["progress"])
    except (SafetensorError, OSError, TypeError, KeyError, ValueError):
        raise StateError(f"{path} cannot be read: remove {folder} to start anew, or choose another --out") from None
    return progress


def load_state(folder: Path, model: keras.Model) -> None:
    """Put the numbers that were saved into ``model``, which is compiled; without effect if none are."""
    path = folder / _FILE
    if path.is_file():
        with safe_open(path, framework="numpy") as file:
            for index, variable in enumerate(variables(model)):
                variable.assign(file.get_tensor(f"{index:05}"))


def variables(model: keras.Model) -> list[keras.Variable]:
    """Every number that a run goes on from: weights, metrics, dropout's random state, and the optimizer's own."""
    return [*model.variables, *model.optimizer.variables]


def values(of: Sequence[keras.Variable]) -> list[np.ndarray]:
    """Copies of what the variables hold: what a backend hands out may be memory that its next step uses again."""
    return [np.array(keras.ops.convert_to_numpy(variable)) for variable in of]


def assign(to: Sequence[keras.Variable], values: Sequence[np.ndarray]) -> None:
    """Put ``values`` into the variables, in order."""
    for variable, value in zip(to, values, strict=True):
        variable.assign(value)
