"""What this machine computes quickly."""

from pathlib import Path

import keras

from model.config import ModelConfig


def few_shapes(config: ModelConfig) -> ModelConfig | None:
    """What ``training.batches`` calls few: ``config`` where every shape costs a compilation (JAX), None elsewhere."""
    return config if keras.backend.backend() == "jax" else None


def accelerated() -> bool:
    """Whether a GPU or its like does the sums."""
    if keras.backend.backend() == "jax":
        import jax

        return jax.default_backend() != "cpu"
    import tensorflow as tf

    return bool(tf.config.list_physical_devices("GPU"))


def fastest_precision() -> str:
    """``mixed_bfloat16`` where the processor has bfloat16 matrix units (AMX) or a GPU is at hand, else ``float32``.

    Without such units bfloat16 is emulated and several times slower than float32.
    """
    if accelerated():
        return "mixed_bfloat16"
    try:
        return "mixed_bfloat16" if "amx_bf16" in Path("/proc/cpuinfo").read_text() else "float32"
    except OSError:
        return "float32"
