"""The bars that a person watches while a model trains. On a terminal only; elsewhere they are silent."""

import time
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn, track

T = TypeVar("T")


def watched(steps: Sequence[T], what: str) -> Iterable[T]:
    """``steps``, and a bar that goes on with each."""
    console = Console(stderr=True)
    return track(steps, what, console=console, disable=not console.is_terminal)


class TrainingProgress:
    """One epoch: batches done, tokens a second, loss, time left."""

    def __init__(self, epoch: int, epochs: int, batches: int, done: int) -> None:
        self._bar = Progress(
            TextColumn(f"epoch {epoch}/{epochs}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]:,.0f} tokens/s  loss {task.fields[loss]:.3f}"),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not Console(stderr=True).is_terminal,
        )
        self._task = self._bar.add_task("", total=batches, completed=done, rate=0.0, loss=0.0)
        self._loss = 0.0
        self._tokens = 0
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def advance(self, tokens: int, loss: float) -> None:
        """One more batch is done; the loss shown is a running mean."""
        self._tokens += tokens
        self._loss = loss if not self._loss else 0.98 * self._loss + 0.02 * loss
        rate = self._tokens / max(time.monotonic() - self._started, 1e-9)
        self._bar.update(self._task, advance=1, rate=rate, loss=self._loss)
