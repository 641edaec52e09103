"""What a run mixes and how often: one TOML file, so that a corpus is oversampled or thinned without touching code."""

import tomllib
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

RECIPE = Path(__file__).with_name("recipe.toml")


class RecipeError(ValueError):
    """A recipe that cannot be followed; the message names the file and the entry."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How often an epoch has what; ``recipe.toml`` beside this file explains each entry and has what ships."""

    # An epoch's conversations from one family, by the family's kind; "other" for kinds that are not named.
    draws: dict[str, int] = field(default_factory=lambda: {"other": 24})
    # How often an epoch has a source's conversations, by chance where it is no whole number; 1 where not named.
    repeats: dict[str, float] = field(default_factory=dict)
    # Share of the conversations that come after another one, of these the share that comes after a second, and a third.
    topic_changes: float = 0.0
    # What a reply is learned from: the whole talk, its own message alone ("single"), or only first replies ("first").
    exchanges: str = "whole"
    # Share of the conversations in which a noun that a reply takes up is another one (``training.renaming``).
    renamed: float = 0.0
    # Share of the user's turns that are typed carelessly (``training.noise``), and of their places that are cut.
    typing_noise: float = 0.0
    subword_cuts: float = 0.0
    # Sentences of plain text that an epoch restores (``training.denoising``).
    plain_texts: int = 0

    def __post_init__(self) -> None:
        """Raise ``RecipeError`` where a number is out of its range."""
        for name in ("topic_changes", "renamed", "typing_noise", "subword_cuts"):
            if not 0 <= getattr(self, name) <= 1:
                raise RecipeError(f"{name} is a share, from 0 to 1")
        if self.exchanges not in ("whole", "single", "first"):
            raise RecipeError("exchanges is whole, single or first")
        if self.plain_texts < 0 or any(times < 0 for times in (*self.draws.values(), *self.repeats.values())):
            raise RecipeError("draws, repeats and plain_texts are 0 or more")
        if "other" not in self.draws:
            raise RecipeError("draws names no number for other kinds")

    @classmethod
    def read(cls, path: Path = RECIPE) -> Self:
        """Read a recipe; ``RecipeError`` says in one line what is wrong with it."""
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise RecipeError(f"{path}: {error.strerror}") from None
        except ValueError as error:
            raise RecipeError(f"{path}: not TOML: {error}") from None
        if unknown := sorted(set(content) - {each.name for each in fields(cls)}):
            raise RecipeError(f"{path}: unknown entry {unknown[0]!r}")
        for name, value in content.items():
            if name == "exchanges":
                continue
            if name in ("draws", "repeats") and not isinstance(value, dict):
                raise RecipeError(f"{path}: {name} is a table: a name and a number on each line")
            numbers = value.values() if isinstance(value, dict) else [value]
            whole = name in ("draws", "plain_texts")
            if not all(type(number) is int or (type(number) is float and not whole) for number in numbers):
                raise RecipeError(f"{path}: {name} takes {'whole numbers' if whole else 'numbers'}")
        try:
            return cls(**content)
        except RecipeError as error:
            raise RecipeError(f"{path}: {error}") from None

    def to_dict(self) -> dict[str, Any]:
        """As it stands on a checkpoint's card."""
        return asdict(self)
