"""``python -m training check``: faults of form in our own corpus, and expansions to read."""

import random
from pathlib import Path
from typing import Annotated

import typer

from training.faults import clear_errors


def check(
    folder: Annotated[Path | None, typer.Option(help="Folder of dialogues-*.jsonl and families-*.jsonl.")] = None,
    sample: Annotated[int, typer.Option(min=0, help="Also print so many expansions of families to read.")] = 0,
    seed: Annotated[int, typer.Option(help="Draws the fillers.")] = 0,
) -> None:
    """Look for faults of form in the own corpus: endings, lengths, particles, placeholders, labels, duplicates."""
    from training.corpus import read_own
    from training.corpus.faults import corpus_faults
    from training.corpus.own import OWN

    with clear_errors():
        dialogues, families = read_own(folder or OWN)
    faults = corpus_faults(dialogues, families, seed)
    for fault in faults:
        print(fault)
    rng = random.Random(seed)
    for family in rng.sample(families, min(sample, len(families))):
        print(f"{family.id}: {' / '.join(family.draw(rng).turns)}")
    print(f"{len(dialogues):,} dialogues, {len(families):,} families, {len(faults)} faults")
    if faults:
        raise typer.Exit(1)
