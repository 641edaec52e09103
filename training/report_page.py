"""A report as one HTML page that needs nothing else: no script, no picture, no address."""

from collections.abc import Callable
from html import escape
from typing import Any

from model.dialogue import fill_names

_OWNER, _BOT = "이연준", "말벗"

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --bar: #3b82c4; }
body { font: 16px/1.55 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem } h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem }
p.note { opacity: .75; margin: .2rem 0 .8rem; font-size: .92rem }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { text-align: left; padding: .35rem .7rem; border-bottom: 1px solid var(--line); vertical-align: top }
th { font-weight: 600 } td:first-child { white-space: nowrap }
td.figure, th.figure { text-align: right; white-space: nowrap }
tr:hover td { background: var(--soft) }
.bar { display: block; height: 3px; margin: 3px 0 0 auto; background: var(--bar); border-radius: 2px }
.wide { overflow-x: auto }
"""

# What the table of replies shows: a name, what it means, and how it is written.
_HABITS: list[tuple[str, str, Callable[[float], str]]] = [
    ("empty", "empty replies", lambda value: f"{value:.1%}"),
    ("unknown", "with a character that is no text", lambda value: f"{value:.1%}"),
    ("looping", "three words in a row said twice", lambda value: f"{value:.1%}"),
    ("polite", "polite endings", lambda value: f"{value:.1%}"),
    ("distinct_1", "distinct words", lambda value: f"{value:.3f}"),
    ("distinct_2", "distinct pairs of words", lambda value: f"{value:.3f}"),
    ("ten_most_frequent", "covered by the ten commonest replies", lambda value: f"{value:.1%}"),
    ("characters", "characters in a reply, mean", lambda value: f"{value:.1f}"),
    ("false_identity", "give the bot's name where nobody asked", lambda value: f"{value:.1%}"),
]


def report_page(report: dict[str, Any]) -> str:
    """The page of what ``training.report.make_report`` returned."""
    subjects: dict[str, Any] = report["subjects"]
    models = {name: figures for name, figures in subjects.items() if "parameters" in figures}
    first = next(iter(models))
    about = models[first]
    parts = [
        f"<h1>How well does {escape(first)} talk?</h1>",
        _note(
            f"Checkpoint {escape(about['checkpoint'])}, {about['parameters']:,} parameters, on the "
            f"{escape(report['split'])} split: conversations that were never trained on."
        ),
        "<h2>Likelihood and relevance</h2>",
        _note(
            "hits@1: the true reply is the likeliest of 20 (chance 5 %). Shuffled: how much the loss rises when "
            "messages are passed on to the wrong conversations."
        ),
        _likelihood_table(subjects),
        "<h2>Context</h2>",
        _note("Context gain: what the history saves on turns 2 and later, against the newest message alone."),
        _context_table(models),
        *_understanding(models),
        f"<h2>{report['prompts']:,} replies</h2>",
        _note(
            "Beside them what retrieval (the reply of the nearest training message) and the corpus say to the same "
            "messages."
        ),
        _habits_table(subjects),
        "<h2>Who are you?</h2>",
        _note(
            f"Of {about['identity']['asking']} messages that ask who the bot is, by form, how many it tells; and of "
            f"{about['identity']['others']} that only sound like it, how many it gives its name."
        ),
        _identity_table(models),
        "<h2>As it answers</h2>",
        _samples_table(report["samples"]),
    ]
    head = f"<!doctype html><html lang=en><meta charset=utf-8><title>{escape(first)}: report</title>"
    return f"{head}<style>{_STYLE}</style>{''.join(parts)}</html>\n"


def _note(text: str) -> str:
    return f"<p class=note>{text}</p>"


def _table(header: list[str], rows: list[list[str]], *, figures: bool = True) -> str:
    """Cells are HTML already; all but the first column are figures, unless said otherwise."""
    kind = " class=figure" if figures else ""
    head = "".join(f"<th{kind if index else ''}>{cell}</th>" for index, cell in enumerate(header))
    body = "".join(
        "<tr>" + "".join(f"<td{kind if index else ''}>{cell}</td>" for index, cell in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f"<div class=wide><table><tr>{head}</tr>{body}</table></div>"


def _bar(value: float, most: float, text: str) -> str:
    return f"{text}<span class=bar style='width:{min(value / most, 1):.0%}'></span>"


def _likelihood_table(subjects: dict[str, Any]) -> str:
    header = ["", "source", "replies", "loss", "bits/character", "accuracy", "perplexity", "hits@1 of 20", "shuffled"]
    rows = []
    for name, figures in subjects.items():
        parts = dict(figures.get("by_source", {}))
        if "together" in figures:
            parts["all together"] = figures["together"]
        for number, (source, part) in enumerate(parts.items()):
            known, hits = "loss" in part, part.get("hits_at_1")
            rows.append(
                [
                    "" if number else escape(name),
                    escape(source),
                    f"{part['examples']:,}" if known else "",
                    f"{part['loss']:.3f}" if known else "",
                    f"{part['bits_per_character']:.3f}" if known else "",
                    f"{part['accuracy']:.1%}" if known else "",
                    f"{part['perplexity']:.1f}" if known else "",
                    _bar(hits, 0.5, f"{hits:.3f}") if hits is not None else "",
                    f"{part['shuffled_sources']:+.1%}" if known else "",
                ]
            )
    return _table(header, rows)


def _context_table(models: dict[str, Any]) -> str:
    turns = sorted({number for figures in models.values() for number in figures["by_turn"]}, key=int)
    header = ["bits/character of our own dialogues", *(f"turn {number}" for number in turns), "context gain"]
    rows = []
    for name, figures in models.items():
        by_turn = figures["by_turn"]
        cells = [f"{by_turn[number]['bits_per_character']:.3f}" if number in by_turn else "" for number in turns]
        gain = f"{figures['context_gain']:.1%}" if "context_gain" in figures else ""
        rows.append([escape(name), *cells, gain])
    return _table(header, rows)


def _identity_table(models: dict[str, Any]) -> str:
    forms = list(next(iter(models.values()))["identity"]["by_form"])
    header = ["asked", *(form.replace("_", " ") for form in forms), "all", "not asked"]
    rows = []
    for name, figures in models.items():
        identity = figures["identity"]
        cells = [*identity["by_form"].values(), identity["recall"], identity["false_identity"]]
        rows.append([escape(name), *(f"{cell:.1%}" for cell in cells)])
    return _table(header, rows)


def _understanding(models: dict[str, Any]) -> list[str]:
    """The section of those that have heads, where any has."""
    known = {name: figures["understanding"] for name, figures in models.items() if "understanding" in figures}
    if not known:
        return []
    header = ["", "F1 of 6 groups", "F1 of 60 emotions", "messages", "crisis precision", "recall", "crisis messages"]
    rows = []
    for name, part in known.items():
        f1 = ("" if part[key] is None else f"{part[key]:.3f}" for key in ("group_f1", "emotion_f1"))
        crisis = ("" if part[key] is None else f"{part[key]:.1%}" for key in ("crisis_precision", "crisis_recall"))
        counts = f"{part['emotion_messages']:,}", f"{part['crisis_messages']:,} of {part['messages']:,}"
        rows.append([escape(name), *f1, counts[0], *crisis, counts[1]])
    return [
        "<h2>Understanding</h2>",
        _note(
            "What the encoder's heads make of a message: macro-F1 of its emotion, on what our own conversations begin "
            "with, and whether it speaks of suicide or self-harm, by the head alone, there and on messages that stand "
            "for themselves."
        ),
        _table(header, rows),
    ]


def _habits_table(subjects: dict[str, Any]) -> str:
    rows = []
    for key, meaning, written in _HABITS:
        cells = [figures["replies"].get(key) for figures in subjects.values()]
        rows.append([meaning, *("" if cell is None else written(cell) for cell in cells)])
    return _table(["", *map(escape, subjects)], rows)


def _samples_table(samples: dict[str, list[list[str]]]) -> str:
    rows = []
    for index, (message, _) in enumerate(next(iter(samples.values()))):
        replies = (escape(fill_names(part[index][1], owner=_OWNER, bot=_BOT)) for part in samples.values())
        rows.append([escape(message), *replies])
    return _table(["message", *map(escape, samples)], rows, figures=False)
