"""What each part is worth: runs on the same data that differ in one thing each, measured on the same held-out data."""

import json
import time
import tomllib
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from model.checkpoint import load_checkpoint
from training.hardware import fastest_precision
from training.mixture import Mixture
from training.options import TrainingOptions
from training.recipe import Recipe, RecipeError
from training.report import likelihood_figures
from training.trainer import TrainingError, train

_Settings = TypeVar("_Settings", TrainingOptions, Recipe)

PLAN = Path(__file__).with_name("ablation.toml")


@dataclass(frozen=True)
class Run:
    """One of the runs: what is learned from, and how."""

    name: str
    options: TrainingOptions
    recipe: Recipe


def read_plan(path: Path = PLAN) -> list[Run]:
    """The runs of a plan: ``[options]`` and ``[recipe]`` of all, and what each of ``[[runs]]`` changes.

    All are computed in what this machine is fastest at, unless the plan names a ``precision``.

    Raises:
        RecipeError: the file cannot be read, or names what there is not; one line.
    """
    try:
        plan = tomllib.loads(path.read_text(encoding="utf-8"))
        runs = [
            Run(
                run["name"],
                _changed(
                    TrainingOptions(precision=fastest_precision()),
                    {**plan.get("options", {}), **run.get("options", {})},
                ),
                _changed(Recipe(), {**plan.get("recipe", {}), **run.get("recipe", {})}),
            )
            for run in plan["runs"]
        ]
    except OSError as error:
        raise RecipeError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise RecipeError(f"{path}: not a plan of runs: {error}") from None
    if len({run.name for run in runs}) < len(runs):
        raise RecipeError(f"{path}: two runs have the same name")
    return runs


def _changed(settings: _Settings, changes: dict[str, Any]) -> _Settings:
    if unknown := sorted(set(changes) - {each.name for each in fields(settings)}):
        raise ValueError(f"unknown entry {unknown[0]!r}")
    return replace(settings, **changes)


def ablate(runs: list[Run], mixture: Mixture, out: Path, say: Callable[[str], None]) -> list[dict[str, Any]]:
    """Train each run in a folder of its own under ``out``, and measure the checkpoint that it kept on validation.

    A run that has its result is not run again; one that was killed goes on, and its minutes are those of the last part.

    Returns:
        For each run its ``name``, ``minutes``, ``epochs``, and the figures of ``training.report.likelihood_figures``.

    Raises:
        TrainingError: a folder holds a run, or its result, of other options or of another corpus.
    """
    results = []
    for run in runs:
        folder = out / run.name
        result = folder / "result.json"
        ours = replace(mixture, recipe=run.recipe)
        settings = {"options": asdict(run.options), "recipe": run.recipe.to_dict(), "corpus": ours.digest}
        if result.is_file() and json.loads(result.read_text(encoding="utf-8")).get("settings") != settings:
            raise TrainingError(f"{folder} has the result of another plan or corpus: choose another --out")
        if not result.is_file():
            say(f"— {run.name}")
            started = time.monotonic()
            card = train(run.options, ours, folder, provenance={"run": run.name}, say=say)
            minutes = (time.monotonic() - started) / 60
            figures = likelihood_figures(load_checkpoint(folder / "checkpoint"), ours.held_out("validation"))
            row = {"name": run.name, "settings": settings, "minutes": minutes, "epochs": len(card["epochs"]), **figures}
            result.write_text(json.dumps(row, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        results.append(json.loads(result.read_text(encoding="utf-8")))
    return results


def table(results: list[dict[str, Any]]) -> str:
    """The results as a Markdown table: bits per character and hits@1 of every source, context gain, time."""
    sources = sorted({source for row in results for source in row["by_source"]})
    header = ["run", "parameters", *(f"{source}: bits/char, hits@1" for source in sources), "context gain", "minutes"]
    rows = [
        [
            row["name"],
            f"{row['parameters'] / 1e6:.1f} M",
            *(_cell(row["by_source"].get(source)) for source in sources),
            f"{row['context_gain']:+.1%}" if "context_gain" in row else "",
            f"{row['minutes']:.0f}",
        ]
        for row in results
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows))


def _cell(part: dict[str, Any] | None) -> str:
    if part is None:
        return ""
    relevance = "-" if part["hits_at_1"] is None else f"{part['hits_at_1']:.2f}"
    return f"{part['bits_per_character']:.2f}, {relevance}"
