"""``python -m training corpora``: what there is to train on."""

from pathlib import Path
from typing import Annotated

import typer

from training.faults import clear_errors


def corpora(
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="JSON lines with turns.")] = None,
    aihub: Annotated[Path | None, typer.Option(help="감성대화 말뭉치 of AI Hub.")] = None,
) -> None:
    """Show a table of the corpora: how much each holds, under which licence, and what it may be used for."""
    from rich.console import Console
    from rich.table import Table

    from training.corpus.gathering import gather

    with clear_errors():
        gathered = gather(public, data or [], aihub)
    table = Table(title="Corpora", caption="A family is a small grammar: it is drawn from anew in every epoch.")
    for title in ("corpus", "conversations", "exchanges", "emotions of 60", "licence", "may be used for"):
        table.add_column(
            title, justify="right" if title in ("conversations", "exchanges", "emotions of 60") else "left"
        )
    for corpus in gathered.corpora:
        talks, families = corpus.conversations, corpus.families
        held = ([f"{len(talks):,}"] if talks else []) + ([f"{len(families):,} families"] if families else [])
        exchanges = sum(len(talk.turns) // 2 for talk in talks) + sum(2 if family.next else 1 for family in families)
        emotions = {record.emotion for record in [*talks, *families]} - {None}
        table.add_row(
            corpus.name, " + ".join(held), f"{exchanges:,}", str(len(emotions)), corpus.licence, corpus.purpose
        )
    # In a file or a pipe the table has the width that it needs.
    console = Console() if Console().is_terminal else Console(width=200)
    console.print(table)
    for line in gathered.notes():
        console.print(line)
