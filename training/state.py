"""A run that can be killed at any moment: all of its numbers in one file, replaced in one rename."""

import json
from pathlib import Path
from typing import Any

import keras
from safetensors import safe_open
from safetensors.numpy import save_file

_FILE = "state.safetensors"


def save_state(folder: Path, model: keras.Model, progress: dict[str, Any]) -> None:
    """Weights, optimizer, dropout's random state and ``progress`` (JSON) as they are now."""
    # bfloat16 and integers keep their type: a resumed run goes on from the very same numbers.
    arrays = {f"{index:05}": keras.ops.convert_to_numpy(variable) for index, variable in enumerate(_variables(model))}
    fresh = folder / f"{_FILE}.new"
    save_file(arrays, fresh, metadata={"progress": json.dumps(progress, ensure_ascii=False)})
    fresh.replace(folder / _FILE)


def load_state(folder: Path, model: keras.Model) -> dict[str, Any] | None:
    """Put a saved state into ``model``, which is compiled; returns its ``progress``, or None if none is saved."""
    path = folder / _FILE
    if not path.is_file():
        return None
    with safe_open(path, framework="numpy") as file:
        for index, variable in enumerate(_variables(model)):
            variable.assign(file.get_tensor(f"{index:05}"))
        progress: dict[str, Any] = json.loads(file.metadata()["progress"])
    return progress


def _variables(model: keras.Model) -> list[keras.Variable]:
    return [*model.variables, *model.optimizer.variables]
