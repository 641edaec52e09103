"""``python -m training report``: every figure that says whether a checkpoint is worth talking to."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from training.faults import clear_errors


def report(
    out: Annotated[Path, typer.Option(help="Folder to write report.html and report.json to.")],
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; by default the one that ships.")] = None,
    baseline: Annotated[list[Path] | None, typer.Option(help="More checkpoints to set beside it.")] = None,
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets.")] = None,
    name: Annotated[str, typer.Option("--split", help="validation or test.")] = "test",
    card: Annotated[bool, typer.Option("--card", help="Put the figures on the checkpoint's card, too.")] = False,
) -> None:
    """Measure a checkpoint on held-out data, beside retrieval and other checkpoints: one HTML page, one JSON file."""
    from model.checkpoint import PRETRAINED, load_checkpoint, write_card
    from model.engine import engine_kind, load_engine
    from training.corpus.gathering import gather
    from training.corpus.messages import read_messages
    from training.mixture import Mixture
    from training.report import make_report
    from training.report_page import report_page

    if name not in ("validation", "test"):
        raise typer.BadParameter("choose validation or test", param_hint="--split")
    with clear_errors():
        gathered = gather(public)
        mixture = Mixture(conversations=gathered.conversations, families=gathered.families, messages=read_messages())
        subjects = {}
        for folder in (checkpoint or PRETRAINED, *(baseline or [])):
            kept = load_checkpoint(folder)
            label = f"{kept.card.get('name', folder.name)} ({kept.hash[:6]})"
            subjects[label] = (kept, load_engine(folder, engine_kind(kept.config), threads=os.cpu_count() or 1))
        made = make_report(subjects, mixture, split=name)
        out.mkdir(parents=True, exist_ok=True)
        (out / "report.json").write_text(json.dumps(made, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        (out / "report.html").write_text(report_page(made), encoding="utf-8")
        if card:
            label, (kept, _) = next(iter(subjects.items()))
            figures = {"split": name, "prompts": made["prompts"], **made["subjects"][label]}
            write_card(checkpoint or PRETRAINED, {**kept.card, "report": figures})
    print(out / "report.html")
