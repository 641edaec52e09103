"""Whether another checkpoint lies where the last one lay."""

from pathlib import Path

# What decides a reply; the card only tells of it.
_FILES = ("config.json", "tokenizer.json", "model.safetensors", "heads.safetensors")

_State = tuple[tuple[int, int, int] | None, ...]


class Lookout:
    """Watches a checkpoint's folder without reading it: by number, size and time of its files.

    Start it before the checkpoint is read: what comes while that goes on is noticed later.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = self._last = self._state()

    def another(self) -> bool:
        """Whether there is something else than before; true once for each, so that a broken one is tried once.

        Only what two looks in a row find unchanged counts: a folder may be missing while it is replaced, and a file
        that is being copied grows.
        """
        state = self._state()
        settled, self._last = state == self._last, state
        if not settled or state == self._known:
            return False
        self._known = state
        return True

    def _state(self) -> _State:
        return tuple(map(_trace, (self._folder / name for name in _FILES)))


def _trace(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
