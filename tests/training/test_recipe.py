"""What a recipe may say, and what is said of one that it may not."""

from pathlib import Path

import pytest

from training.recipe import RECIPE, Recipe, RecipeError


def test_the_recipe_that_ships_can_be_followed() -> None:
    recipe = Recipe.read(RECIPE)
    assert recipe.draws["other"] > 0
    assert recipe.repeats["dialogues"] > 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("topic_change = 0.3", "unknown entry 'topic_change'"),
        ("topic_changes = 1.5", "topic_changes is a share"),
        ("topic_changes = true", "topic_changes takes numbers"),
        ('typing_noise = "much"', "typing_noise takes numbers"),
        ("[draws]\nother = 2.5", "draws takes whole numbers"),
        ("[draws]\ngreeting = 3", "draws names no number for other kinds"),
        ("[repeats]\nsongys = -1", "0 or more"),
        ("draws = 3", "draws is a table"),
        ("topic_changes", "not TOML"),
    ],
)
def test_a_fault_is_named_with_its_file(tmp_path: Path, content: str, reason: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(RecipeError, match=reason) as caught:
        Recipe.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_recipe_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="No such file"):
        Recipe.read(tmp_path / "none.toml")
