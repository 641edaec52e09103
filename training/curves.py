"""Curves of loss, accuracy and relevance over the epochs, as one picture."""

from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator


def draw_curves(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw the epochs of a run to a PNG: training loss and every source's held-out figures."""
    epochs = [row["epoch"] for row in rows]
    figure = Figure(figsize=(13, 4), layout="constrained")
    loss, accuracy, relevance = figure.subplots(1, 3)
    loss.plot(epochs, [row["train_loss"] for row in rows], color="black", linestyle="--", label="training (smoothed)")
    for source in rows[0]["validation"]:
        parts = [row["validation"][source] for row in rows]
        loss.plot(epochs, [part["loss"] for part in parts], marker="o", markersize=3, label=source)
        accuracy.plot(epochs, [part["accuracy"] for part in parts], marker="o", markersize=3, label=source)
        relevance.plot(epochs, [part["hits_at_1"] for part in parts], marker="o", markersize=3, label=source)
    relevance.axhline(0.05, color="grey", linestyle=":", label="chance")
    for axes, title in ((loss, "loss (nats a token)"), (accuracy, "accuracy"), (relevance, "hits@1 of 20")):
        axes.set_title(title)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in (accuracy, relevance):
        axes.set_ylim(bottom=0)
    loss.legend(frameon=False, fontsize=8)
    relevance.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=130)
