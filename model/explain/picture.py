"""Heat maps as a PNG: the mean over all heads, and below it every head of every layer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, PowerNorm
from matplotlib.figure import Figure

from model.explain.explanation import Explanation, HeatMap
from model.explain.fonts import LATIN, drawable
from model.explain.pieces import Piece

_INK, _FAINT = "#2b2622", "#8a8178"
_WARMTH = LinearSegmentedColormap.from_list("warmth", ["#fdfaf5", "#fbd9b5", "#f0955a", "#c2441c", "#5e1608"])
_TITLES = {
    "cross": ("the reply looks at the conversation", "written", "read"),
    "encoder": ("the conversation looks at itself", "looks", "at"),
    "decoder": ("the reply looks at itself", "written", "after reading"),
}


def draw(explanation: Explanation, kind: str, path: Path, font: str) -> None:
    """Draw one of the three attentions (``cross``, ``encoder`` or ``decoder``) to a PNG, with labels in ``font``."""
    heat_map: HeatMap = getattr(explanation, kind)
    layers, heads, rows, columns = heat_map.weights.shape
    cell = min(max(11 / columns, 0.15), 0.42)  # inches
    width, height = max(columns * cell + 2.2, 8.5), rows * cell + 1.9
    small = (width - 1.2) / heads * rows / columns if heat_map.weights.size > rows * columns else 0
    small = min(max(small, 0.7), 2.4) if small else 0
    fonts = [font, LATIN]
    title, row_word, column_word = _TITLES[kind]

    figure = Figure(figsize=(width, height + layers * (small + 0.15) + (1.5 if small else 0.9)), layout="constrained")
    figure.patch.set_facecolor("white")
    figure.suptitle(
        f"{_drawable(explanation.message, fonts)}  →  {_drawable(explanation.reply, fonts)}",
        family=fonts, fontsize=14, color=_INK,
    )  # fmt: skip
    upper, lower = (
        figure.subfigures(2, 1, height_ratios=[height, layers * (small + 0.15) + 0.5]) if small else (figure, None)
    )

    axes = upper.subplots()
    mean = heat_map.weights.mean(axis=(0, 1))
    image = _heat(axes, mean, float(mean.max()))
    size = min(max(cell * 30, 5), 11)
    axes.set_xticks(range(columns), _labels(heat_map.columns, fonts), family=fonts, fontsize=size)
    axes.set_yticks(range(rows), _labels(heat_map.rows, fonts), family=fonts, fontsize=size)
    axes.xaxis.tick_top()
    for label in axes.get_xticklabels():
        label.set(rotation=45, ha="left", rotation_mode="anchor")
    for label, piece in zip(
        [*axes.get_xticklabels(), *axes.get_yticklabels()], [*heat_map.columns, *heat_map.rows], strict=True
    ):
        label.set_color(_FAINT if piece.mark else _INK)
    axes.set_xlabel(column_word, color=_FAINT)
    axes.set_ylabel(row_word, color=_FAINT)
    axes.set_title(f"{title}: mean of {layers} layers of {heads} heads", color=_FAINT, fontsize=10, pad=10)
    bar = upper.colorbar(image, ax=axes, shrink=0.8, pad=0.02, format=lambda share, _: f"{share:.0%}")
    bar.outline.set_visible(False)
    bar.ax.tick_params(length=0, colors=_FAINT, labelsize=8)

    if lower is not None:
        lower.suptitle("each head on its own, darkest where all of its look goes", color=_FAINT, fontsize=10)
        grid = lower.subplots(layers, heads, squeeze=False)
        for layer, head in np.ndindex(layers, heads):
            axes = grid[layer, head]
            _heat(axes, heat_map.weights[layer, head], 1.0)
            axes.set_xticks([])
            axes.set_yticks([])
            if layer == 0:
                axes.set_title(f"head {head + 1}", fontsize=9, color=_FAINT)
            if head == 0:
                axes.set_ylabel(f"layer {layer + 1}", fontsize=9, color=_FAINT)
    figure.savefig(path, format="png", dpi=130)


def _heat(axes: Axes, weights: np.ndarray, most: float) -> object:
    """``weights`` ``(rows, columns)`` as a heat map from 0 to ``most``, with thin white lines between its cells."""
    rows, columns = weights.shape
    # A power below 1 lifts the faint ones: many heads rest on one mark, and leave little for the words.
    norm = PowerNorm(0.6, vmin=0, vmax=most)
    image = axes.imshow(weights, cmap=_WARMTH, norm=norm, aspect="auto", interpolation="nearest")
    axes.set_xticks(np.arange(columns - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(rows - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=min(20 / columns, 0.8))
    axes.tick_params(which="both", length=0)
    axes.spines[:].set_color("#e5ded5")
    return image


def _labels(row: Sequence[Piece], fonts: Sequence[str]) -> list[str]:
    return [_drawable(piece.label, fonts) for piece in row]


def _drawable(text: str, fonts: Sequence[str]) -> str:
    return drawable(text, fonts).replace("$", r"\$")  # else it would be read as a formula
