"""What a command does with a fault of its input."""

import sys
from typing import NoReturn


def fail(message: str) -> NoReturn:
    """Leave with one line and exit code 2."""
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


class clear_errors:  # noqa: N801 - reads as a statement
    """A fault of the input is one line and exit code 2, not a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None and isinstance(error, _faults(error)):
            fail(str(error))


def _faults(error: BaseException) -> tuple[type[Exception], ...]:
    from training.corpus import CorpusError
    from training.recipe import RecipeError

    if isinstance(error, CorpusError | RecipeError):  # commands that only read a corpus load no TensorFlow
        return (CorpusError, RecipeError)
    from model.checkpoint import CheckpointError
    from model.config import ConfigError
    from model.tokenizer import TokenizerError
    from training.state import StateError
    from training.trainer import TrainingError

    return (CheckpointError, ConfigError, StateError, TokenizerError, TrainingError)
