"""What this machine computes quickly, and how it computes the same twice."""

from pathlib import Path


def fastest_precision() -> str:
    """``mixed_bfloat16`` where the processor has bfloat16 matrix units (AMX) or a GPU is at hand, else ``float32``.

    Without such units bfloat16 is emulated and several times slower than float32.
    """
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        return "mixed_bfloat16"
    try:
        return "mixed_bfloat16" if "amx_bf16" in Path("/proc/cpuinfo").read_text() else "float32"
    except OSError:
        return "float32"


def make_repeatable(seed: int) -> None:
    """From here on the same steps give the very same numbers on the same machine, however its cores share the work."""
    import keras

    keras.utils.set_random_seed(seed)
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Else sums over repeated tokens (the embedding's gradient) are rounded in the order in which cores finish.
        tf.config.experimental.enable_op_determinism()
