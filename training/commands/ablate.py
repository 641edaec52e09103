"""``python -m training ablate``: what each part of the training is worth."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from training.faults import clear_errors

_PLAN = Path(__file__).parent.parent / "ablation.toml"


def ablate(
    out: Annotated[Path, typer.Option(help="Folder of the runs; what was interrupted there goes on.")],
    plan: Annotated[Path, typer.Option(help="The runs, and what each changes.", show_default="ablation.toml")] = _PLAN,
    only: Annotated[list[str] | None, typer.Option(help="Of these runs only.")] = None,
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets.")] = None,
    text: Annotated[Path | None, typer.Option(help="Plain text, a sentence a line (.txt, .txt.xz).")] = None,
) -> None:
    """Train runs that differ in one thing each, and print what it is worth on held-out data as a table."""
    from training.ablation import ablate as run_all, read_plan, table
    from training.corpus.gathering import gather
    from training.corpus.messages import read_messages
    from training.corpus.plain import read_plain
    from training.mixture import Mixture

    with clear_errors():
        runs = [run for run in read_plan(plan) if not only or run.name in only]
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
        (out / "ablation.json").write_text(json.dumps(results, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(table(results))
