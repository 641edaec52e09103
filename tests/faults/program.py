"""What the programs of this folder have in common: their options, a place for their files, and how they end."""

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.faults.table import Row, show

SHOWN = 20  # faults, at most


def options(doc: str | None, *, seeded: bool = True, **numbers: float) -> argparse.Namespace:
    """The numbers by name, each with what it is if left out; --seed, which is printed; and --write."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    for name, number in numbers.items():
        parser.add_argument(f"--{name}", type=type(number), default=number, help=f"{number:,} if left out")
    parser.set_defaults(seed=None)
    if seeded:
        parser.add_argument("--seed", type=int, default=int(time.time()), help="of a run that is to be repeated")
    parser.add_argument("--write", action="store_true", help="put the figures into tests/faults/README.md")
    chosen = parser.parse_args()
    if seeded:
        print(f"seed {chosen.seed}", flush=True)
    return chosen


def in_memory() -> Path | None:
    """Where files cost no waiting for a disk, if there is such a place: what is written survives a kill there as well.

    A slow disk would be taken for a process that is held up, and its leases and claims would run out.
    """
    memory = Path("/dev/shm")
    return memory if memory.is_dir() else None


def workplace(name: str) -> Path:
    """A new folder, which `conclude` removes."""
    return Path(tempfile.mkdtemp(prefix=f"malbeot-{name}-", dir=in_memory()))


def report(line: str) -> None:
    """Say at once how far it has come."""
    print(line, flush=True)


def conclude(
    chosen: argparse.Namespace,
    rows: list[Row],
    faults: Sequence[object],
    *notes: str,
    folder: Path | None = None,
) -> int:
    """Show the table, the faults and the notes; returns the exit code: 1 where there are faults.

    The folder is then kept for whoever looks for the cause.
    """
    show(rows, write=chosen.write)
    print(*faults[:SHOWN], *notes, sep="\n")
    if faults:
        again = f"; repeat with --seed {chosen.seed}" if chosen.seed is not None else ""
        logs = f"; the logs are in {folder}" if folder else ""
        print(f"the promise was broken{again}{logs}")
        return 1
    if folder:
        shutil.rmtree(folder)
    print("the promise was kept")
    return 0
