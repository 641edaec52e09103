"""``python -m training heads``: teach a checkpoint anew what to hear in a message."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from training.faults import clear_errors
from training.options import TrainingOptions
from training.origin import commit, typed_command
from training.recipe import RECIPE, Recipe


def heads(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint folder; it is replaced.")],
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets of corpus/public.toml.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="More conversations: JSON lines with turns.")] = None,
    aihub: Annotated[
        Path | None, typer.Option(help="감성대화 말뭉치 of AI Hub: its zip, JSON or XLSX files, or their folder.")
    ] = None,
    recipe: Annotated[Path, typer.Option(help="What is mixed.", show_default="recipe.toml")] = RECIPE,
    seed: Annotated[int, typer.Option()] = TrainingOptions.seed,
) -> None:
    """Teach a checkpoint's heads anew to hear emotions, crises and who asks for a name, as `train` does at its end."""
    import keras

    from model.checkpoint import load_checkpoint
    from model.engine import engine_kind, load_engine
    from training.corpus.gathering import gather
    from training.corpus.messages import read_messages
    from training.hardware import fastest_precision
    from training.listening import train_listener_in
    from training.mixture import Mixture
    from training.understanding import engine_understanding, held_out_messages

    with clear_errors():
        kept = load_checkpoint(checkpoint)
        if kept.heads is None:
            raise typer.BadParameter(
                "this checkpoint has no heads: train it with --crisis-weight", param_hint="CHECKPOINT"
            )
        gathered = gather(public, data or [], aihub)
        mixture = Mixture(
            conversations=gathered.conversations,
            families=gathered.families,
            messages=read_messages(),
            recipe=Recipe.read(recipe),
        ).cleaned()
        print("listening to messages: some forty minutes", file=sys.stderr)
        keras.config.set_dtype_policy(fastest_precision())
        fitted = {"command": typed_command(), "commit": commit(), "messages": len(mixture.messages)}
        train_listener_in(checkpoint, mixture, seed, {"listener": fitted})
        engine = load_engine(checkpoint, engine_kind(kept.config))
        figures = engine_understanding(engine, held_out_messages(mixture, "validation"))
    print(f"validation: precision {figures['crisis_precision']}, recall {figures['crisis_recall']}")
