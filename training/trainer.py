"""The training loop: epochs of bucketed batches, a look at held-out data after each, the most relevant one kept."""

import math
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import keras

from model.checkpoint import Checkpoint, load_checkpoint, parameters, save_checkpoint
from model.config import ModelConfig, preset
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from training.batches import Batch, Example, examples
from training.curves import draw_curves
from training.epoch import Epochs, made_ahead
from training.evaluation import enough_candidates, hits_at_1, likelihood, shuffled
from training.forecast import forecast
from training.hardware import accelerated, few_shapes
from training.heads import ClassifierHeads
from training.labels import OWN_SOURCES
from training.listening import alarmed, ordinary_turns
from training.loss import ReplyLoss, SmoothedCrossEntropy, TokenScores, Trainee
from training.mixture import Mixture
from training.options import TrainingOptions
from training.progress import TrainingProgress
from training.schedule import Noam, WarmupCosine
from training.state import assign, load_progress, load_state, save_state, values
from training.understanding import held_out_messages, learned_understanding

_SAVE_EVERY = 250  # steps between two saved states
_VALIDATION_ROWS = 1_500  # of each source


class TrainingError(Exception):
    """A run that cannot start or go on; the message says what to do."""


def train(
    options: TrainingOptions,
    mixture: Mixture,
    out: Path,
    *,
    provenance: dict[str, Any],
    say: Callable[[str], None],
    begin_from: Checkpoint | None = None,
) -> dict[str, Any]:
    """Train until ``options.epochs`` are done or relevance has stopped improving; go on where a killed run stopped.

    ``out/checkpoint`` holds the most relevant epoch so far, ``out/curves.png`` the curves, ``out/state.safetensors``
    what a restart needs. The same options and corpus give the same weights on the same machine, bit for bit, killed and
    resumed or not. With ``begin_from`` the weights, the shape and the tokenizer are those of that checkpoint at first,
    and its card stands on the new one's.

    Returns:
        The card of the checkpoint kept.

    Raises:
        TrainingError: ``out`` holds another run, or the loss is no number any more.
    """
    settings = {
        **asdict(options),
        "recipe": mixture.recipe.to_dict(),
        "corpus": mixture.digest,
        "begun_from": begin_from and begin_from.hash,
    }
    progress = load_progress(out) or {"options": settings, "epoch": 1, "step": 0, "sums": [0, 0], "epochs": []}
    then = progress["options"]
    if other := [name for name in settings if name != "epochs" and then.get(name) != settings[name]]:
        raise TrainingError(
            f"{out} holds a run of another {', '.join(other)}: choose another --out, or remove it to start anew"
        )
    # A run may go on under another backend: its state is only numbers.
    backends = progress.setdefault("backends", [])
    if keras.backend.backend() not in backends:
        backends.append(keras.backend.backend())
    out.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(options.seed)
    keras.config.set_dtype_policy(options.precision)
    if begin_from is None:
        tokenizer = _tokenizer(out / "tokenizer.json", mixture, options)
        layers = options.encoder_layers or preset(options.preset).encoder_layers
        config = preset(options.preset, vocabulary_size=tokenizer.size, dropout=options.dropout, encoder_layers=layers)
    else:
        tokenizer, config = begin_from.tokenizer, replace(begin_from.config, dropout=options.dropout)
        provenance = {**provenance, "begun_from": {"checkpoint": begin_from.hash, "card": begin_from.card}}
    held_out = _held_out(mixture, tokenizer, config)
    # Of very few replies the true one is easily the likeliest, which says nothing.
    telling = [source for source, rows in held_out.items() if enough_candidates(rows)] or list(held_out)
    messages, ordinary = held_out_messages(mixture, "validation"), ordinary_turns(mixture, "validation")
    epochs = Epochs(mixture, tokenizer, config, options.batch_size, options.seed, few_shapes(config))
    batches = epochs.batches(1)
    steps = len(batches)
    model = _compiled(config, options, steps * options.epochs)
    if begin_from is not None:
        model.transformer.set_named_weights(begin_from.weights)
        # Heads with an encoder of their own would misread the reply's.
        if model.heads is not None and begin_from.heads is not None and not begin_from.heads.encoder:
            model.heads.begin_from(begin_from.heads)
    load_state(out, model)
    scores = TokenScores(model.transformer)
    scores.compile()
    if progress["step"] or progress["epochs"]:
        say(f"going on with epoch {progress['epoch']}, batch {progress['step']}")
    left = options.epochs - (progress["epoch"] - 1) - progress["step"] / steps
    if left > 0:
        say(str(forecast(model, batches, left)))
    # Where an accelerator trains, the processors have nothing else to do.
    ahead = made_ahead(epochs, options.epochs) if accelerated() else nullcontext(epochs.batches)
    with ahead as made:
        while progress["epoch"] <= options.epochs and not _stalled(progress["epochs"], options.patience):
            started = time.monotonic()
            _run_epoch(model, made(progress["epoch"]), progress, out, options)
            loss_sum, tokens = progress["sums"]
            row = {
                "epoch": progress["epoch"],
                "train_loss": loss_sum / max(tokens, 1),
            }
            with averaged(model, options):
                row["validation"] = _validate(scores, held_out, tokenizer)
                weights, heads = model.transformer.named_weights(), model.heads and model.heads.learned()
                if heads is not None:
                    heads = alarmed(heads, model.transformer, tokenizer, ordinary)
                    row["understanding"] = learned_understanding(model.transformer, heads, tokenizer, messages)
            row["relevance"] = sum(row["validation"][source]["hits_at_1"] for source in telling) / len(telling)
            best = all(_merit(row) > _merit(earlier) for earlier in progress["epochs"])
            progress["epochs"].append(row)
            if best:
                card = _card(options, config, mixture, progress["epochs"], {"backends": backends, **provenance})
                save_checkpoint(out / "checkpoint", config, tokenizer, weights, card, half=True, heads=heads)
            progress.update(epoch=progress["epoch"] + 1, step=0, sums=[0, 0])
            save_state(out, model, progress)
            draw_curves(progress["epochs"], out / "curves.png")
            say(_line(row, time.monotonic() - started))
    # The card of the epoch that was kept tells the whole run, what came after it included.
    kept = load_checkpoint(out / "checkpoint")
    card = {**kept.card, "epochs": progress["epochs"]}
    save_checkpoint(out / "checkpoint", kept.config, kept.tokenizer, kept.weights, card, half=True, heads=kept.heads)
    return card


def _tokenizer(path: Path, mixture: Mixture, options: TrainingOptions) -> Tokenizer:
    if path.is_file():
        return Tokenizer.from_json(path.read_text(encoding="utf-8"))
    size = options.vocabulary_size or preset(options.preset).vocabulary_size
    tokenizer = Tokenizer.train(mixture.words(options.seed), size)
    fresh = path.with_suffix(".new")
    fresh.write_text(tokenizer.to_json(), encoding="utf-8")
    fresh.replace(path)
    return tokenizer


def _held_out(mixture: Mixture, tokenizer: Tokenizer, config: ModelConfig) -> dict[str, list[Example]]:
    """Validation examples of our own dialogues, of our own families, and of everything else together."""
    rows: dict[str, list[Example]] = {}
    for source, conversations in sorted(mixture.held_out("validation").items()):
        name = source if source in OWN_SOURCES else "other"
        rows.setdefault(name, []).extend(examples(conversations, tokenizer, config))
    rng = random.Random(0)
    return {name: rng.sample(part, min(len(part), _VALIDATION_ROWS)) for name, part in rows.items()}


def _compiled(config: ModelConfig, options: TrainingOptions, total_steps: int) -> Trainee:
    heads = None
    if options.emotion_weight or options.crisis_weight:
        heads = ClassifierHeads(config.d_model, options.emotion_weight, options.crisis_weight)
    model = Trainee(Transformer(config), options.bag_of_words, heads, options.r_drop)
    optimizer = keras.optimizers.AdamW(
        Noam(config.d_model, options.warmup_steps)
        if options.schedule == "noam"
        else WarmupCosine(options.peak_rate, options.warmup_steps, total_steps),
        weight_decay=options.weight_decay,
        beta_2=0.98,  # section 5.3
        global_clipnorm=1.0,
        use_ema=options.average > 0,
        # Over a fifth of the run at most: the average of a short one would still hold how it began.
        ema_momentum=min(options.average, max(1 - 5 / max(total_steps, 1), 0.0)),
    )
    optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    # Shapes differ from batch to batch, and XLA compiles each of them anew: only JAX is not worth running without.
    jit = keras.backend.backend() == "jax"
    smoothing = options.label_smoothing
    model.compile(
        optimizer=optimizer, loss=SmoothedCrossEntropy(smoothing), metrics=[ReplyLoss(smoothing)], jit_compile=jit
    )
    model.build()
    optimizer.build(model.trainable_variables)
    return model


@contextmanager
def averaged(model: Trainee, options: TrainingOptions) -> Iterator[None]:
    """Within it ``model`` has the average of its weights over the last steps, as a checkpoint keeps them.

    The average of weights (Polyak and Juditsky 1992; section 6.1 averages whole checkpoints) is quieter than those of
    any one step; training goes on from the latter.
    """
    if not options.average:
        yield
        return
    latest = values(model.trainable_variables)
    model.optimizer.finalize_variable_values(model.trainable_variables)
    # Under JAX weights and averages are now the same arrays, and the first step that gives its input away ends both.
    assign(model.trainable_variables, values(model.trainable_variables))
    try:
        yield
    finally:
        assign(model.trainable_variables, latest)


def _run_epoch(
    model: Trainee, batches: list[Batch], progress: dict[str, Any], out: Path, options: TrainingOptions
) -> None:
    """Train on what is left of an epoch, saving the state now and then."""
    with TrainingProgress(progress["epoch"], options.epochs, len(batches), progress["step"]) as bar:
        for batch in batches[progress["step"] :]:
            model.reset_metrics()
            result = model.train_on_batch(vars(batch), batch.label, return_dict=True)
            loss = float(result["reply"])
            if not math.isfinite(loss):
                raise TrainingError(
                    f"epoch {progress['epoch']}, batch {progress['step'] + 1}: the loss is no number any more; "
                    "try a lower --peak-rate in another --out"
                )
            loss_sum, tokens = progress["sums"]
            progress["sums"] = [loss_sum + loss * batch.tokens, tokens + batch.tokens]
            progress["step"] += 1
            bar.advance(batch.tokens, loss)
            if progress["step"] % _SAVE_EVERY == 0:
                save_state(out, model, progress)


def _validate(
    scores: TokenScores, held_out: dict[str, list[Example]], tokenizer: Tokenizer
) -> dict[str, dict[str, float]]:
    """Figures of every source: likelihood, hits@1 of 20, and the loss when sources are shuffled."""
    return {
        source: {
            **likelihood(scores, rows, tokenizer),
            "hits_at_1": hits_at_1(scores, rows),
            "shuffled_loss": likelihood(scores, shuffled(rows), tokenizer)["loss"],
        }
        for source, rows in held_out.items()
    }


def _merit(row: dict[str, Any]) -> tuple[float, float]:
    """What epochs are chosen by: relevance, and among equals the lower loss."""
    return row["relevance"], -sum(part["loss"] for part in row["validation"].values())


def _stalled(rows: list[dict[str, Any]], patience: int) -> bool:
    relevance = [row["relevance"] for row in rows]
    return len(rows) > patience and max(relevance[-patience:]) <= max(relevance[:-patience])


def _card(
    options: TrainingOptions,
    config: ModelConfig,
    mixture: Mixture,
    rows: list[dict[str, Any]],
    provenance: dict[str, Any],
) -> dict[str, Any]:
    sources: dict[str, int] = {
        "families": len(mixture.families),
        "messages": len(mixture.messages),
        "plain texts": len(mixture.texts),
    }
    for conversation in mixture.conversations:
        sources[conversation.source] = sources.get(conversation.source, 0) + 1
    return {
        "name": f"malbeot {options.preset}",
        "language": "ko",
        "kept_epoch": rows[-1]["epoch"],
        "chosen_by": "hits@1 of 20 on validation, mean over the sources",
        "options": asdict(options),
        "recipe": mixture.recipe.to_dict(),
        "config": config.to_dict(),
        "parameters": parameters(config),
        "corpus": sources,
        "cleaning": mixture.cleaning,
        **provenance,
        "epochs": rows,
    }


def _line(row: dict[str, Any], seconds: float) -> str:
    parts = "  ".join(
        f"{source}: loss {part['loss']:.3f} (shuffled {part['shuffled_loss']:.3f}) hits@1 {part['hits_at_1']:.2f}"
        for source, part in row["validation"].items()
    )
    if "understanding" in row:
        written = {key: "-" if value is None else f"{value:.2f}" for key, value in row["understanding"].items()}
        parts += f"  emotion: F1 {written['group_f1']} of 6, {written['emotion_f1']} of 60"
        parts += f"  crisis: precision {written['crisis_precision']} recall {written['crisis_recall']}"
    return f"epoch {row['epoch']}: train {row['train_loss']:.3f}  {parts}  [{seconds / 60:.1f} min]"
