"""``python -m training ablate``: what each part of the training is worth."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from training.faults import clear_errors


def ablate(
    out: Annotated[Path, typer.Option(help="Folder of the runs; what was interrupted there goes on.")],
    plan: Annotated[
        Path | None, typer.Option(help="The runs, and what each changes.", show_default="ablation.toml")
    ] = None,
    only: Annotated[list[str] | None, typer.Option(help="Of these runs only.")] = None,
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets.")] = None,
    text: Annotated[Path | None, typer.Option(help="Plain text, a sentence a line (.txt, .txt.xz).")] = None,
) -> None:
    """Train runs that differ in one thing each, and print what it is worth on held-out data as a table.

    The figures of each are in OUT/NAME/result.json.
    """
    from training.ablation import PLAN, ablate as run_all, read_plan, table
    from training.corpus.gathering import gather
    from training.corpus.messages import read_messages
    from training.corpus.plain import read_plain
    from training.mixture import Mixture

    with clear_errors():
        runs = [run for run in read_plan(plan or PLAN) if not only or run.name in only]
        if not runs:
            raise typer.BadParameter("the plan has no such run", param_hint="--only")
        gathered = gather(public)
        mixture = Mixture(
            conversations=gathered.conversations,
            families=gathered.families,
            messages=read_messages(),
            texts=[] if text is None else read_plain(text),
        ).cleaned()
        results = run_all(runs, mixture, out, say=lambda line: print(line, file=sys.stderr))
    print(table(results))
