"""A survey as one HTML page that needs nothing else: no network, no script, no font of its own."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape

from training.exploration.survey import Survey

_STYLE = """
body { font: 16px/1.55 system-ui, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", "Noto Sans CJK KR",
  NanumGothic, sans-serif; color: #2b2622; background: #fdfaf5; max-width: 1080px; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { margin-top: 2.5rem; border-bottom: 1px solid #e5dccf; padding-bottom: .3rem }
svg { width: 100%; height: auto; overflow: visible; background: #fff; border-radius: 8px }
svg text { font-family: system-ui, "Apple SD Gothic Neo", "Malgun Gothic", "Noto Sans KR", "Noto Sans CJK KR",
  NanumGothic, sans-serif !important }
table { border-collapse: collapse; width: 100%; margin: 1rem 0; background: #fff; font-size: .92rem }
td, th { padding: .35rem .6rem; border-bottom: 1px solid #efe8dd; text-align: left }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
.tables { display: grid; grid-template-columns: 1fr 1fr; gap: 1.5rem } .note { color: #8a8178 }
@media (max-width: 760px) { .tables { grid-template-columns: 1fr } }
"""


def write_page(found: Survey, pictures: Mapping[str, str], title: str, notes: Sequence[str]) -> str:
    """The page: totals, every picture under its title, and the tables that belong to it."""
    talks = sum(source.conversations for source in found.sources)
    exchanges = sum(source.exchanges for source in found.sources)
    sections = {
        "Conversations": _table(
            ("source", "conversations", "exchanges", "distinct replies", "user turn", "bot turn"),
            (
                (s.name, f"{s.conversations:,}", f"{s.exchanges:,}", f"{s.distinct_replies:,}", f"{s.user_length:.1f}",
                 f"{s.bot_length:.1f}")
                for s in found.sources
            ),
        )
        + "<p class=note>Turns: mean length in characters.</p>",
        "Lengths": f"<p>The encoder reads {found.source_limit} tokens: the context of {found.shortened_sources:,}"
        f" replies is shortened to fit. The decoder writes {found.target_limit}: {found.shortened_targets:,} replies"
        " are cut.</p>",
        "Replies": "<div class=tables><div><h3>Most frequent</h3>"
        + _table(("reply", "times"), ((reply, f"{times:,}") for reply, times in found.frequent_replies))
        + "</div><div><h3>Most odd</h3>"
        + _table(("reply", "nats a token"), ((reply, f"{nats:.2f}") for reply, nats in found.odd_replies))
        + "</div></div><p class=note>Odd: its tokens are the rarest on the average. Look here for slips.</p>",
        "Tokens": f"<p>{_share_in_bytes(found):.3%} of all tokens are bytes of characters that the vocabulary"
        " lacks.</p>",
        "Duplicates and leakage": _table(
            ("what", "conversations"), ((name.replace("_", " "), f"{n:,}") for name, n in found.cleaning.items())
        )
        + "<p class=note>Leaked: in training, and equal or alike to one held out. Training leaves these out; held-out"
        " conversations all stay.</p>",
    }  # fmt: skip
    body = "".join(
        f"<h2>{escape(name)}</h2>{picture}{sections.get(name, '')}"
        for name, picture in pictures.items()
        if picture or name in sections
    )
    return (
        f'<!doctype html><html lang="ko"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style><h1>{escape(title)}</h1>"
        f"<p>{talks:,} conversations, {exchanges:,} exchanges.</p>"
        + "".join(f"<p class=note>{escape(note)}</p>" for note in notes)
        + body
        + "</html>\n"
    )


def _share_in_bytes(found: Survey) -> float:
    return found.in_bytes / max(sum(found.token_counts) + found.in_bytes, 1)


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; every column but the first holds numbers."""
    head = "".join(f"<th{' class=number' if index else ''}>{escape(title)}" for index, title in enumerate(titles))
    lines = "".join(
        "<tr>" + "".join(f"<td{' class=number' if index else ''}>{escape(cell)}" for index, cell in enumerate(row))
        for row in rows
    )
    return f"<table><tr>{head}{lines}</table>"
