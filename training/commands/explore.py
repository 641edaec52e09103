"""``python -m training explore``: a corpus as one page and as pictures."""

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from training.faults import clear_errors

if TYPE_CHECKING:
    from training.corpus import Conversation

_DRAWS = 3  # of each family


def explore(
    corpora: Annotated[
        list[str],
        typer.Argument(
            metavar="CORPUS…", help="own, a file of JSON lines, the folder of the public sets, or AI Hub's files."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for index.html and the pictures.")],
    checkpoint: Annotated[Path | None, typer.Option(help="Whose tokenizer counts; by default what ships.")] = None,
) -> None:
    """Show what is in a corpus: lengths, emotions, situations, replies, tokens and duplicates."""
    from model.checkpoint import PRETRAINED, load_checkpoint
    from model.explain.fonts import hangul_font
    from training.corpus import CorpusError
    from training.exploration import draw_pictures, survey, write_page

    with clear_errors():
        kept = load_checkpoint(checkpoint or PRETRAINED)
        notes: list[str] = []
        conversations = [talk for corpus in corpora for talk in _read(corpus, notes)]
        if not conversations:
            raise CorpusError(f"{' '.join(corpora)}: no conversation is there")
        found = survey(conversations, kept.tokenizer, kept.config)
        out.mkdir(parents=True, exist_ok=True)
        font = hangul_font()
        pictures, names = draw_pictures(found, out, font)
        if font is None:
            print(
                "no font with Hangul is installed (Debian: fonts-nanum): pictures with Korean words are on the page"
                " only, where the browser draws them",
                file=sys.stderr,
            )
        title = "Corpus: " + ", ".join(Path(corpus).name for corpus in corpora)
        (out / "index.html").write_text(write_page(found, pictures, title, notes), encoding="utf-8")
        for name in ("index.html", *names):
            print(out / name)


def _read(corpus: str, notes: list[str]) -> "list[Conversation]":
    """The conversations that one argument names; what a reader of the page should know of them goes to ``notes``."""
    import tomllib
    from collections import Counter

    from training.corpus import public, read_aihub, read_jsonlines, read_own, read_public

    path = Path(corpus)
    if corpus == "own":
        dialogues, families = read_own()
        rng = random.Random(0)
        notes.append(f"Of each of {len(families):,} families {_DRAWS} conversations are drawn.")
        return dialogues + [family.draw(rng) for family in families for _ in range(_DRAWS)]
    if path.suffix == ".jsonl":
        return read_jsonlines(path)
    sets = tomllib.loads(public.MANIFEST.read_text(encoding="utf-8")).values()
    if any((path / entry["file"]).is_file() for entry in sets):
        return read_public(path)
    counts: Counter[str] = Counter()
    talks = list(read_aihub(path, counts))
    notes.append("AI Hub: " + ", ".join(f"{number:,} {name.replace('_', ' ')}" for name, number in counts.items()))
    return talks
