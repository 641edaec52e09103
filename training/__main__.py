"""``python -m training``: train a Transformer on conversations, and measure one."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from training.options import TrainingOptions

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets every start with a page of hints

app = typer.Typer(
    help="Train a Transformer on conversations, and measure one.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_DEFAULTS = TrainingOptions()


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of the run; an interrupted run there goes on.")],
    preset: Annotated[str, typer.Option(help="Shape of the model: default, small or original.")] = _DEFAULTS.preset,
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets of corpus/public.toml.")] = None,
    data: Annotated[list[Path] | None, typer.Option(help="More conversations: JSON lines with turns.")] = None,
    checkpoint: Annotated[
        Path | None, typer.Option("--from", help="Begin from this checkpoint's weights, with its shape and tokenizer.")
    ] = None,
    epochs: Annotated[int, typer.Option(min=1)] = _DEFAULTS.epochs,
    batch_size: Annotated[int, typer.Option(min=1, help="Replies in a batch.")] = _DEFAULTS.batch_size,
    peak_rate: Annotated[float, typer.Option(help="Learning rate after the warm-up.")] = _DEFAULTS.peak_rate,
    warmup_steps: Annotated[int, typer.Option(min=0)] = _DEFAULTS.warmup_steps,
    label_smoothing: Annotated[float, typer.Option(min=0, max=0.5)] = _DEFAULTS.label_smoothing,
    bag_of_words: Annotated[float, typer.Option(min=0, help="Weight of guessing the reply's words.")] = (
        _DEFAULTS.bag_of_words
    ),
    dropout: Annotated[float, typer.Option(min=0, max=0.9)] = _DEFAULTS.dropout,
    weight_decay: Annotated[float, typer.Option(min=0)] = _DEFAULTS.weight_decay,
    draws_per_family: Annotated[int, typer.Option(min=0, help="Of each family, anew in every epoch.")] = (
        _DEFAULTS.draws_per_family
    ),
    topic_changes: Annotated[float, typer.Option(min=0, max=1, help="Conversations told after another one.")] = (
        _DEFAULTS.topic_changes
    ),
    vocabulary_size: Annotated[int | None, typer.Option(min=300, help="By default the preset's.")] = None,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without progress before it stops.")] = _DEFAULTS.patience,
    seed: Annotated[int, typer.Option()] = _DEFAULTS.seed,
    precision: Annotated[
        str, typer.Option(help="float32, mixed_bfloat16, or auto: what this processor is fast at.")
    ] = ("auto"),
) -> None:
    """Train a checkpoint on our own corpus, and on public sets and files of your own where given."""
    from model.checkpoint import load_checkpoint
    from training.corpus import read_jsonlines, read_own, read_public
    from training.hardware import fastest_precision
    from training.mixture import Mixture
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
        dropout=dropout,
        weight_decay=weight_decay,
        draws_per_family=draws_per_family,
        topic_changes=topic_changes,
        vocabulary_size=vocabulary_size,
        patience=patience,
        seed=seed,
        precision=fastest_precision() if precision == "auto" else precision,
    )
    with _clear_errors():
        dialogues, families = read_own()
        conversations = [*dialogues]
        licences = {"own corpus": "CC BY 4.0"}
        if public is not None:
            conversations += read_public(public)
            licences |= {"public sets of training/corpus/public.toml": "MIT"}
        for path in data or []:
            conversations += read_jsonlines(path)
            licences |= {path.name: "the operator's own"}
        mixture = Mixture(
            conversations=conversations,
            families=families,
            draws_per_family=draws_per_family,
            topic_changes=topic_changes,
        )
        begin_from = None if checkpoint is None else load_checkpoint(checkpoint)
        provenance = {"licences": licences, "command": _command(), "commit": _commit()}
        card = run(
            options,
            mixture,
            out,
            provenance=provenance,
            say=lambda line: print(line, file=sys.stderr),
            begin_from=begin_from,
        )
    best = next(row for row in card["epochs"] if row["epoch"] == card["kept_epoch"])
    print(json.dumps({"checkpoint": str(out / "checkpoint"), **best}, ensure_ascii=False, indent=2))


@app.command()
def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="Checkpoint folder.")],
    data: Annotated[Path, typer.Option(help='JSON lines {"turns": [user, bot, …]}.')],
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

    with _clear_errors():
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
    name: Annotated[str, typer.Option("--split", help="validation or test.")] = "test",
    public: Annotated[Path | None, typer.Option(help="Folder with the public sets.")] = None,
) -> None:
    """Write the held-out conversations as JSON lines, to evaluate a checkpoint on what it was never trained on."""
    from training.corpus import read_own, read_public
    from training.mixture import Mixture

    if name not in ("validation", "test"):
        raise typer.BadParameter("choose validation or test", param_hint="--split")
    with _clear_errors():
        dialogues, families = read_own()
        conversations = dialogues + (read_public(public) if public else [])
        held_out = Mixture(conversations=conversations, families=families).held_out(name)  # type: ignore[arg-type]
        out.mkdir(parents=True, exist_ok=True)
        for source, part in sorted(held_out.items()):
            path = out / f"{name}-{source}.jsonl"
            lines = [json.dumps({"turns": conversation.turns}, ensure_ascii=False) + "\n" for conversation in part]
            path.write_text("".join(lines), encoding="utf-8")
            print(f"{path}: {len(part)} conversations")


@app.command()
def compare(
    a: Annotated[Path, typer.Argument(help="Checkpoint folder.", show_default=False)],
    b: Annotated[Path, typer.Argument(help="The other checkpoint folder.", show_default=False)],
    prompts: Annotated[Path, typer.Option(help='JSON lines {"turns": [user, bot, …, user]}.')],
    out: Annotated[Path, typer.Option(help="FILE.html to vote on; FILE.key.json beside it tells the sides.")],
    seed: Annotated[int, typer.Option(help="Draws the sides.")] = 0,
    engine: Annotated[str, typer.Option(help="What decodes: ctranslate2 or tensorflow.")] = "ctranslate2",
    owner: Annotated[str, typer.Option(help="Whose chatbot it is.")] = "이연준",
    bot: Annotated[str, typer.Option(help="The bot's name.")] = "말벗",
) -> None:
    """Let two checkpoints answer the same prompts, on a page where people vote without knowing whose reply is whose."""
    from model.checkpoint import CheckpointError
    from model.engine import load_engine
    from training.compare import compare as side_by_side, read_prompts, replies
    from training.corpus import CorpusError

    if engine not in ("ctranslate2", "tensorflow"):
        raise typer.BadParameter("choose ctranslate2 or tensorflow", param_hint="--engine")
    if out.suffix != ".html":
        _fail(f"--out must end in .html, not {out.name!r}")
    if not out.absolute().parent.is_dir():
        _fail(f"the folder {out.parent} does not exist")
    try:
        asked = read_prompts(prompts)
        said = [
            replies(load_engine(folder, engine), asked, owner=owner, bot=bot)  # type: ignore[arg-type]
            for folder in (a, b)
        ]
    except (CheckpointError, CorpusError) as error:
        _fail(str(error))
    except ImportError as error:
        _fail(f"the engine {engine} needs a package that is not installed: {error.name}")
    comparison = side_by_side(asked, *said, names=(str(a), str(b)), seed=seed)
    key = out.with_suffix(".key.json")
    out.write_text(comparison.page, encoding="utf-8")
    key.write_text(json.dumps(comparison.key, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(f"{out}: {comparison.asked} prompts to vote on, {comparison.key['identical']} with equal replies left out")
    print(f"{key}: whose reply is whose; look at it after voting")


@app.command()
def votes(
    file: Annotated[Path, typer.Argument(help="The votes that the page saved.", show_default=False)],
    key: Annotated[Path, typer.Argument(help="FILE.key.json of the comparison.", show_default=False)],
) -> None:
    """Unblind and count the votes on a comparison; p is the two-sided sign test's."""
    from training.votes import VotesError, count_votes, read_key, read_votes

    try:
        counted = count_votes(read_votes(file), read_key(key))
    except VotesError as error:
        _fail(str(error))
    print(json.dumps(counted, ensure_ascii=False, indent=2))


class _clear_errors:  # noqa: N801 - reads as a statement
    """A fault of the input is one line and exit code 2, not a traceback."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        from model.checkpoint import CheckpointError
        from model.config import ConfigError
        from training.corpus import CorpusError
        from training.trainer import TrainingError

        if isinstance(error, CheckpointError | ConfigError | CorpusError | TrainingError):
            print(f"error: {error}", file=sys.stderr)
            raise SystemExit(2) from None


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


def _command() -> str:
    """The command as typed, with folders outside of the project reduced to their names."""
    words = [Path(word).name if Path(word).is_absolute() or word.startswith("..") else word for word in sys.argv[1:]]
    return "python -m training " + shlex.join(words)


def _commit() -> str:
    asked = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False)  # noqa: S607
    return asked.stdout.strip() or "unknown"


if __name__ == "__main__":
    app(prog_name="python -m training")
