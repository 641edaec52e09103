"""What a run will take, said before it starts: a few steps of it are tried, timed, and taken back."""

import resource
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from training.batches import Batch
from training.state import assign, values, variables


@dataclass(frozen=True)
class Forecast:
    """Seconds of the training steps that are left, and bytes of memory and disk at most."""

    seconds: float
    memory: int
    disk: int

    def __str__(self) -> str:
        """One line, rounded as a guess should be."""
        return (
            f"this will take about {self._duration()}, {self.memory / 2**30:.1f} GiB of memory and "
            f"{max(self.disk / 2**20, 1):,.0f} MiB of disk; it can be stopped and goes on where it was"
        )

    def _duration(self) -> str:
        minutes = self.seconds / 60
        return f"{minutes / 60:.1f} hours" if minutes > 100 else f"{max(minutes, 1):.0f} min"


def forecast(model: keras.Model, batches: Sequence[Batch], left: float) -> Forecast:
    """Try steps of ``model`` on some of an epoch's ``batches``, of which ``left`` epochs are to come.

    The longest batch tells the memory, four lengths the time of a token. Afterwards ``model`` and its optimizer are
    what they were before, but for one thing: from now on every batch goes through a graph that was traced for any
    shape. One that was traced for a single shape may round a last bit otherwise, and which shape comes first is not the
    same in a whole run and in a resumed one.
    """
    before = values(variables(model))
    if keras.backend.backend() != "jax":  # which has a graph for each shape, whatever came first
        odd = _odd(batches[0])
        model.train_on_batch(vars(odd), odd.label)
    by_size = sorted(batches, key=_size)
    tried = [by_size[(len(by_size) - 1) * part // 4] for part in (4, 3, 2, 1)]
    seconds = 0.0
    for batch in tried:
        for timed in (False, True):  # the first step of a shape is traced
            started = time.perf_counter()
            model.train_on_batch(vars(batch), batch.label)
            seconds += (time.perf_counter() - started) * timed
    assign(variables(model), before)
    model.reset_metrics()
    state = sum(value.nbytes for value in before)
    kept = 2 * sum(int(np.prod(variable.shape)) for variable in model.trainable_variables)  # float16
    return Forecast(
        seconds=left * seconds / sum(map(_size, tried)) * sum(map(_size, batches)),
        # In bytes on macOS, elsewhere in KiB.
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024),
        disk=2 * (state + kept),  # each is written beside the old one, which it then replaces
    )


def _odd(batch: Batch) -> Batch:
    """A batch of a shape that never comes again, since lengths are padded to multiples of four: one row of three."""
    return Batch(batch.source[:1, :3], batch.target[:1, :3], batch.label[:1, :3], batch.emotion[:1], batch.crisis[:1])


def _size(batch: Batch) -> int:
    return batch.source.size + 2 * batch.label.size
