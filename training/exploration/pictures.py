"""Pictures of a survey: PNG files to show, and SVG for the page, whose text stays text."""

import io
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from model.emotions import EMOTIONS, group_of
from model.explain.fonts import LATIN, drawable
from training.exploration.survey import Survey

_INK, _FAINT, _USER, _BOT = "#2b2622", "#8a8178", "#5b8db8", "#d9713c"
_WARMTH = LinearSegmentedColormap.from_list("warmth", ["#fdf6ec", "#fbd9b5", "#f0955a", "#c2441c"])
_WIDEST = 30  # characters of a reply on a picture
_AGES = ("청소년", "청년", "중년", "노년")

Label = Callable[[str], str]


def draw_pictures(found: Survey, folder: Path, font: str | None) -> tuple[dict[str, str], list[str]]:
    """Draw ``found`` into ``folder``; returns the SVG of each picture by its title, and the names of the PNG files.

    Without a ``font`` that has Hangul, pictures with Korean words become no PNG: the page's SVG, whose words the
    browser draws, are all there is of them; and whole sentences stand in the page's tables alone.
    """
    families = [font, LATIN] if font else [LATIN]
    svgs, names = {}, []
    style = {
        "font.family": families, "svg.fonttype": "none", "text.parse_math": False, "axes.edgecolor": _FAINT,
        "text.color": _INK, "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "axes.titlesize": 13,
        "axes.titlelocation": "left", "axes.titlepad": 10, "axes.unicode_minus": False,
    }  # fmt: skip

    def label(text: str) -> str:
        return drawable(text, families) if font else text

    for name, title, korean, draw in _PICTURES:
        with mpl.rc_context({**style, "svg.hashsalt": name}), warnings.catch_warnings():
            if not font:
                warnings.filterwarnings("ignore", message="Glyph .* missing")  # the browser has them
            figure = None if name == "replies" and not font else draw(found, label)
            if figure is None:
                svgs[title] = ""
                continue
            if not font:
                figure.get_layout_engine().set(w_pad=0.3)  # inches: Hangul is wider than what stood in for it
            figure.patch.set_facecolor("white")
            svg = io.StringIO()
            figure.savefig(svg, format="svg", metadata={"Date": None})
            svgs[title] = svg.getvalue()[svg.getvalue().index("<svg") :]
            if font or not korean:
                figure.savefig(folder / f"{name}.png", dpi=130)
                names.append(f"{name}.png")
    return svgs, names


def _lengths(found: Survey, _: Label) -> Figure:
    figure = Figure(figsize=(11, 4), layout="constrained")
    for axes, lengths, unit in zip(
        figure.subplots(1, 2), (found.characters, found.tokens), ("characters", "tokens"), strict=True
    ):
        _tidy(axes)
        longest = int(np.percentile([length for part in lengths.values() for length in part], 99.5)) + 1
        bins = np.arange(0, longest + 1, -(-longest // 45)) + 0.5  # whole lengths to a bar, and as many to each
        for speaker, color in (("user", _USER), ("bot", _BOT)):
            part = np.asarray(lengths[speaker])
            shown = f"{speaker}: median {np.median(part):.0f}, 95 % below {np.percentile(part, 95):.0f}"
            axes.hist(part, bins, color=color, alpha=0.65, label=shown)
        axes.set_title(f"{unit} a turn")
        axes.set_ylabel("turns")
        axes.yaxis.set_major_formatter("{x:,.0f}")
        axes.legend(frameon=False, fontsize=9)
    return figure


def _turns(found: Survey, _: Label) -> Figure:
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    _bars(left, [(f"{number}", count) for number, count in sorted(found.exchanges.items())], _BOT, upright=True)
    left.set_title("exchanges in a conversation")
    left.set_ylabel("conversations")
    names = [source.name for source in found.sources]
    places = np.arange(len(names))
    right.barh(places - 0.2, [source.exchanges for source in found.sources], 0.38, color=_USER, label="exchanges")
    distinct = [source.distinct_replies for source in found.sources]
    right.barh(places + 0.2, distinct, 0.38, color=_BOT, label="distinct replies")
    right.set_yticks(places, names)
    right.invert_yaxis()
    right.xaxis.set_major_formatter("{x:,.0f}")
    right.xaxis.set_major_locator(MaxNLocator(5))
    right.set_title("exchanges by source")
    right.legend(frameon=False, fontsize=9)
    _tidy(right)
    return figure


def _emotions(found: Survey, label: Label) -> Figure | None:
    if not found.emotions:
        return None
    counts = np.array([[found.emotions[f"E{group}{number}"] for number in range(10)] for group in range(1, 7)])
    figure = Figure(figsize=(15, 5), layout="constrained")
    axes = figure.subplots()
    axes.pcolormesh(counts, cmap=_WARMTH, edgecolors="white", linewidth=2, vmin=0)
    for code, name in EMOTIONS.items():
        row, column = int(code[1]) - 1, int(code[2])
        color = "white" if counts[row, column] > 0.65 * counts.max() else _INK
        lines = label(name).replace("(", "\n(").replace(" 의식", "\n의식").replace(", ", ",\n")
        axes.text(column + 0.5, row + 0.4, lines, ha="center", va="center", fontsize=9.5, color=color)
        axes.text(
            column + 0.5, row + 0.78, f"{counts[row, column]:,}", ha="center", va="center", fontsize=9, color=color
        )
    groups = [group_of(f"E{group}0") for group in range(1, 7)]
    shown = [f"{label(group)}  {total:,}" for group, total in zip(groups, counts.sum(axis=1), strict=True)]
    axes.set_yticks(np.arange(6) + 0.5, shown, fontsize=12)
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.invert_yaxis()
    axes.spines[:].set_visible(False)
    covered = int((counts > 0).sum())
    axes.set_title(f"conversations of each emotion: {covered} of 60 emotions occur")
    return figure


def _situations(found: Survey, label: Label) -> Figure | None:
    if not found.situations:
        return None
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.5, 1])
    shown = found.situations.most_common(20)
    _bars(left, [(label(name), count) for name, count in shown], _BOT)
    rest = len(found.situations) - len(shown)
    left.set_title("most frequent situations" + (f", of {len(found.situations):,}" if rest else ""))
    places = np.arange(len(_AGES))
    for offset, gender, color in ((-0.2, "여성", _BOT), (0.2, "남성", _USER)):
        counts = [found.people[age, gender] for age in _AGES]
        bars = right.bar(places + offset, counts, 0.38, color=color, label=label(gender))
        right.bar_label(bars, [f"{count:,}" if count else "" for count in counts], fontsize=8, color=_FAINT, padding=2)
    right.set_xticks(places, [label(age) for age in _AGES])
    right.set_title("who speaks: conversations")
    right.legend(frameon=False, fontsize=9)
    _tidy(right)
    return figure


def _replies(found: Survey, label: Label) -> Figure:
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    _bars(left, [(_short(label(reply)), count) for reply, count in found.frequent_replies], _BOT)
    left.set_title("most frequent replies")
    _bars(right, [(_short(label(reply)), nats) for reply, nats in found.odd_replies], _USER, "{:.1f}")
    right.set_title("most odd replies (nats a token)")
    return figure


def _tokens(found: Survey, label: Label) -> Figure:
    figure = Figure(figsize=(11, 5), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=[1.4, 1])
    counts = np.asarray(found.token_counts, dtype=float)
    total = counts.sum() + found.in_bytes
    share = counts.cumsum() / max(total, 1)
    left.plot(np.arange(1, len(share) + 1), share, color=_BOT, linewidth=2)
    for wanted in (0.5, 0.9, 0.99):
        if share[-1] >= wanted:
            rank = int(np.searchsorted(share, wanted)) + 1
            left.plot([rank], [wanted], "o", color=_INK, markersize=4)
            left.annotate(
                f"{rank:,} tokens: {wanted:.0%}",
                (rank, wanted),
                (-8, 4),
                textcoords="offset points",
                ha="right",
                fontsize=9,
            )
    left.set_xscale("log")
    left.xaxis.set_major_formatter("{x:,.0f}")
    left.set_ylim(0, 1.05)
    left.yaxis.set_major_formatter(PercentFormatter(1))
    left.set_xlabel("tokens, the most frequent first")
    used = int((counts > 0).sum())
    left.set_title(f"share of the text: {used:,} of {len(counts):,} tokens occur")
    left.grid(alpha=0.2)
    _tidy(left)
    _bars(right, [(label(token.replace(" ", "␣")), count) for token, count in found.frequent_tokens], _USER)
    right.set_title("most frequent tokens (␣: a space)")
    return figure


def _repeats(found: Survey, _: Label) -> Figure:
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    rows = [(name.replace("_", " "), found.cleaning[name]) for name in found.cleaning if name not in ("read", "kept")]
    _bars(axes, rows, _BOT)
    axes.set_title(f"cleaning: {found.cleaning['kept']:,} of {found.cleaning['read']:,} conversations stay")
    return figure


# File name, title on the page, whether it has Korean words, and what draws it.
_PICTURES: Sequence[tuple[str, str, bool, Callable[[Survey, Label], Figure | None]]] = (
    ("turns", "Conversations", False, _turns),
    ("lengths", "Lengths", False, _lengths),
    ("emotions", "Emotions", True, _emotions),
    ("situations", "Situations and people", True, _situations),
    ("replies", "Replies", True, _replies),
    ("tokens", "Tokens", True, _tokens),
    ("duplicates", "Duplicates and leakage", False, _repeats),
)


def _bars(
    axes: Axes, rows: Sequence[tuple[str, float]], color: str, form: str = "{:,.0f}", *, upright: bool = False
) -> None:
    """Bars with their numbers, from the top down or side by side."""
    places = np.arange(len(rows))
    values = [value for _, value in rows]
    if upright:
        bars = axes.bar(places, values, 0.7, color=color)
        axes.set_xticks(places, [name for name, _ in rows])
        axes.set_yticks([])
        axes.margins(y=0.12)
    else:
        bars = axes.barh(places, values, 0.7, color=color)
        axes.set_yticks(places, [name for name, _ in rows], fontsize=9)
        axes.set_xticks([])
        axes.invert_yaxis()
        axes.margins(x=0.12, y=0.01)
    axes.bar_label(bars, [form.format(value) for value in values], padding=3, fontsize=8.5, color=_FAINT)
    axes.tick_params(length=0)
    _tidy(axes)


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _tidy(axes: Axes) -> None:
    axes.spines[["top", "right"]].set_visible(False)
