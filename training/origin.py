"""How a checkpoint came about, for its card."""

import shlex
import subprocess
import sys
from pathlib import Path


def typed_command() -> str:
    """The command as typed, with folders outside of the project reduced to their names."""
    words = [Path(word).name if Path(word).is_absolute() or word.startswith("..") else word for word in sys.argv[1:]]
    return "python -m training " + shlex.join(words)


def commit() -> str:
    """The commit of this project that is checked out, or "unknown", as in a container, which has no git."""
    try:
        here = Path(__file__).parent
        asked = subprocess.run(  # noqa: S603
            ["git", "-C", here, "rev-parse", "HEAD"],  # noqa: S607
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return "unknown"
    return asked.stdout.strip() or "unknown"
