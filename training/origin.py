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
    """The commit that is checked out, or "unknown", as in a container, which has no git."""
    try:
        asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    except OSError:
        return "unknown"
    return asked.stdout.strip() or "unknown"
