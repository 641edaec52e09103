"""What this machine computes quickly."""

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
