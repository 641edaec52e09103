"""Runs that differ in one thing, and the table of what it did."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.training.conftest import OPTIONS
from training.ablation import PLAN, Run, ablate, read_plan, table
from training.corpus import Conversation
from training.mixture import Mixture, split_of
from training.recipe import Recipe, RecipeError
from training.trainer import TrainingError


def test_the_plan_that_ships_has_the_original_and_one_change_each() -> None:
    runs = {run.name: run for run in read_plan(PLAN)}
    default, original = runs.pop("default"), runs.pop("original")
    assert (original.options.preset, original.options.schedule, original.options.label_smoothing) == (
        "original",
        "noam",
        0.0,
    )
    assert original.recipe.exchanges == "first"
    assert default.recipe == Recipe.read()
    assert len(runs) >= 8
    for run in runs.values():
        assert (run.options, run.recipe) != (default.options, default.recipe)
        assert run.options.epochs == default.options.epochs


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[[runs]]\nname = "a"\noptions = { layers = 2 }', "unknown entry 'layers'"),
        ('[[runs]]\nname = "a"\n[[runs]]\nname = "a"', "two runs have the same name"),
        ('[[runs]]\nname = "a"\nrecipe = { typing_noise = 2.0 }', "typing_noise is a share"),
        ("[options]\nepochs = 3", "not a plan of runs"),
        ("runs = 3", "not a plan of runs"),
    ],
)
def test_a_plan_that_cannot_be_followed_is_named(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(content, "utf-8")
    with pytest.raises(RecipeError, match=reason):
        read_plan(path)


def test_each_run_is_measured_on_the_same_held_out_data_and_kept(tmp_path: Path) -> None:
    groups = [group for group in map(str, range(1_000)) if split_of(group) in ("train", "validation")][:120]
    talks = [
        Conversation(source="dialogues", group=group, turns=(f"안녕 {group}", "네.", "배고파", f"{group} 드세요."))
        for group in groups
    ]
    mixture = Mixture(conversations=talks, families=[])
    options = replace(OPTIONS, epochs=1)
    runs = [Run("whole", options, Recipe()), Run("alone", options, Recipe(exchanges="single"))]
    results = ablate(runs, mixture, tmp_path, say=str)
    assert [row["name"] for row in results] == ["whole", "alone"]
    examples = {row["by_source"]["dialogues"]["examples"] for row in results}
    assert len(examples) == 1

    said: list[str] = []
    assert ablate(runs, mixture, tmp_path, say=said.append) == results  # nothing is trained twice
    assert said == []
    assert table(results).count("\n") == 3
    with pytest.raises(TrainingError, match="another plan or corpus"):
        ablate([Run("whole", replace(options, dropout=0.3), Recipe())], mixture, tmp_path, say=str)
