"""The learning rate: a warm-up, then a decline, the paper's or one to nothing."""

import keras
from keras import ops


class Noam(keras.optimizers.schedules.LearningRateSchedule):
    """Section 5.3: rises in a straight line for ``warmup`` steps, then falls with the root of the step."""

    def __init__(self, d_model: int, warmup: int) -> None:
        self.d_model, self.warmup = d_model, warmup

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """The rate at ``step``, counted from 0."""
        step = ops.cast(step, "float32") + 1.0
        return self.d_model**-0.5 * ops.minimum(step**-0.5, step * self.warmup**-1.5)

    def get_config(self) -> dict[str, int]:
        """For Keras."""
        return {"d_model": self.d_model, "warmup": self.warmup}


class WarmupCosine(keras.optimizers.schedules.LearningRateSchedule):
    """Rises in a straight line to ``peak`` at step ``warmup``, then falls along a cosine to 0 at step ``total``.

    The paper (section 5.3) lets it fall with the root of the step and stops somewhere; a run whose length is known
    ends better at zero.
    """

    def __init__(self, peak: float, warmup: int, total: int) -> None:
        self.peak, self.warmup, self.total = peak, warmup, total

    def __call__(self, step: keras.KerasTensor) -> keras.KerasTensor:
        """The rate at ``step``, counted from 0."""
        step = ops.cast(step, "float32") + 1.0
        rise = step / max(self.warmup, 1)
        progress = ops.clip((step - self.warmup) / max(self.total - self.warmup, 1), 0.0, 1.0)
        return self.peak * ops.minimum(rise, 0.5 * (1.0 + ops.cos(3.141592653589793 * progress)))

    def get_config(self) -> dict[str, float]:
        """For Keras."""
        return {"peak": self.peak, "warmup": self.warmup, "total": self.total}
