"""``python -m training fetch``: the public sets, downloaded or copied, checked and prepared."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.faults import clear_errors

if TYPE_CHECKING:
    from training.corpus.download import Progress as Advance


def fetch(
    out: Annotated[Path, typer.Option(help="Folder for the prepared files; name it to train with --public.")],
    local: Annotated[
        Path | None, typer.Option("--from", help="Take local copies from here, prepared or raw; download nothing.")
    ] = None,
) -> None:
    """Bring the public sets of corpus/public.toml into a folder; an interrupted download goes on."""
    from training.corpus.fetching import fetch as run

    with clear_errors():
        for name, outcome in run(out, local, _watch):
            print(f"{name}: {outcome}")


@contextmanager
def _watch(name: str, size: int) -> Iterator["Advance"]:
    """A bar on a terminal; elsewhere it is silent."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    console = Console(stderr=True)
    columns = (TextColumn(name), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=size)
        yield lambda received: bar.update(task, completed=received)
