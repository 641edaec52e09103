"""``python -m training``: train a Transformer on conversations, and measure one."""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from training.commands.ablate import ablate
from training.commands.check import check
from training.commands.compare import compare
from training.commands.corpora import corpora
from training.commands.explore import explore
from training.commands.fetch import fetch
from training.commands.heads import heads
from training.commands.report import report
from training.commands.votes import votes
from training.faults import clear_errors
from training.options import TrainingOptions
from training.origin import commit, typed_command
from training.recipe import RECIPE, Recipe

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets every start with a page of hints

app = typer.Typer(
    help="Train a Transformer on conversations, and measure one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(fetch)
app.command()(corpora)
app.command()(explore)
app.command()(report)
app.command()(check)
app.command()(ablate)
app.command()(heads)
app.command()(compare)
app.command()(votes)
_DEFAULTS = TrainingOptions()


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run there goes on.")],
    preset: Annotated[str, typer.Option(help="Shape of the model: default, large or original.")] = _DEFAULTS.preset,
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets of corpus/public.toml.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="More conversations: JSON lines with turns.")] = None,
    aihub: Annotated[
        Path | None, typer.Option(help="감성대화 말뭉치 of AI Hub: its zip, JSON or XLSX files, or their folder.")
    ] = None,
    text: Annotated[
        Path | None,
        typer.Option(help="Plain text, a sentence a line (.txt, .txt.xz), to restore beside the dialogues."),
    ] = None,
    recipe: Annotated[Path, typer.Option(help="What is mixed, and how often.", show_default="recipe.toml")] = RECIPE,
    checkpoint: Annotated[
        Path | None, typer.Option("--from", help="Begin from this checkpoint's weights, with its shape and tokenizer.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = _DEFAULTS.epochs,
    batch_size: Annotated[int, typer.Option(min=1, help="Replies in a batch.")] = _DEFAULTS.batch_size,
    peak_rate: Annotated[float, typer.Option(min=0, max=1, help="Learning rate after the warm-up.")] = (
        _DEFAULTS.peak_rate
    ),
    warmup_steps: Annotated[int, typer.Option(min=0)] = _DEFAULTS.warmup_steps,
    label_smoothing: Annotated[float, typer.Option(min=0, max=0.5)] = _DEFAULTS.label_smoothing,
    bag_of_words: Annotated[float, typer.Option(min=0, help="Weight of guessing the reply's words.")] = (
        _DEFAULTS.bag_of_words
    ),
    emotion_weight: Annotated[float, typer.Option(min=0, help="Weight of naming the message's emotion.")] = (
        _DEFAULTS.emotion_weight
    ),
    crisis_weight: Annotated[float, typer.Option(min=0, help="Weight of hearing of suicide and self-harm.")] = (
        _DEFAULTS.crisis_weight
    ),
    dropout: Annotated[float, typer.Option(min=0, max=0.9)] = _DEFAULTS.dropout,
    weight_decay: Annotated[float, typer.Option(min=0)] = _DEFAULTS.weight_decay,
    average: Annotated[float, typer.Option(min=0, max=0.99999, help="Averaging of the weights over steps.")] = (
        _DEFAULTS.average
    ),
    vocabulary_size: Annotated[int | None, typer.Option(min=300, help="By default the preset's.")] = None,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without progress before it stops.")] = _DEFAULTS.patience,
    seed: Annotated[int, typer.Option()] = _DEFAULTS.seed,
    precision: Annotated[
        Literal["auto", "float32", "mixed_bfloat16"],
        typer.Option(help="auto: what this machine is fast at, or what an interrupted run has."),
    ] = "auto",
) -> None:
    """Train a checkpoint on our own corpus, and on public sets, AI Hub's corpus and files of your own where given."""
    from model.checkpoint import load_checkpoint
    from training.corpus.gathering import gather
    from training.corpus.messages import read_messages
    from training.corpus.plain import read_plain
    from training.hardware import fastest_precision
    from training.listening import train_listener_in
    from training.mixture import Mixture
    from training.state import load_progress
    from training.trainer import train as run

    options = replace(
        _DEFAULTS,
        preset=preset,
        epochs=epochs,
        batch_size=batch_size,
        peak_rate=peak_rate,
        warmup_steps=warmup_steps,
        label_smoothing=label_smoothing,
        bag_of_words=bag_of_words,
        emotion_weight=emotion_weight,
        crisis_weight=crisis_weight,
        dropout=dropout,
        weight_decay=weight_decay,
        average=average,
        vocabulary_size=vocabulary_size,
        patience=patience,
        seed=seed,
    )
    if checkpoint is not None and (preset != _DEFAULTS.preset or vocabulary_size is not None):
        raise typer.BadParameter("shape and tokenizer are those of the checkpoint", param_hint="--from")
    with clear_errors():
        if precision == "auto":
            begun = load_progress(out)
            precision = begun["options"]["precision"] if begun else fastest_precision()
        options = replace(options, precision=precision)
        gathering = gather(public, data or [], aihub)
        for line in gathering.notes():
            print(line, file=sys.stderr)
        mixture = Mixture(
            conversations=gathering.conversations,
            families=gathering.families,
            messages=read_messages(),
            texts=[] if text is None else read_plain(text),
            recipe=Recipe.read(recipe),
        ).cleaned()
        print(f"cleaning: {mixture.cleaning}", file=sys.stderr)
        begin_from = None if checkpoint is None else load_checkpoint(checkpoint)
        provenance = {
            "licences": gathering.licences,
            "plain_text": None if text is None else text.name,
            "aihub": dict(gathering.aihub),
            "command": typed_command(),
            "commit": commit(),
        }
        card = run(
            options,
            mixture,
            out,
            provenance=provenance,
            say=lambda line: print(line, file=sys.stderr),
            begin_from=begin_from,
        )
        if load_checkpoint(out / "checkpoint").heads is not None:
            print(
                "teaching the heads to hear emotions, crises and who asks for a name: some forty minutes",
                file=sys.stderr,
            )
            train_listener_in(out / "checkpoint", mixture, options.seed, {})
    best = next(row for row in card["epochs"] if row["epoch"] == card["kept_epoch"])
    print(json.dumps({"checkpoint": str(out / "checkpoint"), **best}, ensure_ascii=False, indent=2))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder.")],
    data: Annotated[Path, typer.Option(help='JSON lines {"turns": \\[user, bot, …]}.')],
    last_turn_only: Annotated[
        bool, typer.Option("--last-turn-only", help="Score only the last reply of each.")
    ] = False,
    relevance: Annotated[bool, typer.Option("--relevance", help="Also hits@1 of 20 and shuffled sources.")] = False,
) -> None:
    """Print loss (nats a token), accuracy and bits per character of every bot turn, given what precedes it."""
    from model.checkpoint import load_checkpoint
    from model.transformer import Transformer
    from training.batches import examples
    from training.corpus import read_jsonlines
    from training.evaluation import hits_at_1, likelihood, shuffled
    from training.loss import TokenScores

    with clear_errors():
        kept = load_checkpoint(checkpoint)
        rows = examples(read_jsonlines(data), kept.tokenizer, kept.config, last_turn_only=last_turn_only)
        if not rows:
            raise typer.BadParameter(f"{data} has no conversation", param_hint="--data")
        transformer = Transformer(kept.config)
        transformer.set_named_weights(kept.weights)
        scores = TokenScores(transformer)
        scores.compile()
        figures: dict[str, Any] = likelihood(scores, rows, kept.tokenizer)
        if relevance:
            figures["hits_at_1"] = hits_at_1(scores, rows)
            figures["shuffled_loss"] = likelihood(scores, shuffled(rows), kept.tokenizer)["loss"]
    print(json.dumps(figures, indent=2))


@app.command()
def split(
    out: Annotated[Path, typer.Option(help="Folder to write SPLIT-SOURCE.jsonl to.")],
    name: Annotated[Literal["validation", "test"], typer.Option("--split", help="Which side.")] = "test",
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="JSON lines with turns.")] = None,
    aihub: Annotated[Path | None, typer.Option(help="감성대화 말뭉치 of AI Hub.")] = None,
) -> None:
    """Write the held-out conversations as JSON lines, to evaluate a checkpoint on what it was never trained on."""
    from training.corpus.gathering import gather
    from training.mixture import Mixture

    with clear_errors():
        gathered = gather(public, data or [], aihub)
        held_out = Mixture(conversations=gathered.conversations, families=gathered.families).held_out(name)
        out.mkdir(parents=True, exist_ok=True)
        for source, part in sorted(held_out.items()):
            path = out / f"{name}-{source.replace(':', '-')}.jsonl"
            lines = [json.dumps({"turns": conversation.turns}, ensure_ascii=False) + "\n" for conversation in part]
            path.write_text("".join(lines), encoding="utf-8")
            print(f"{path}: {len(part)} conversations")


if __name__ == "__main__":
    app(prog_name="python -m training")
