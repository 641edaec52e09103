"""``python -m training compare``: two checkpoints side by side, with the sides hidden."""

import json
from pathlib import Path
from typing import Annotated

import typer

from training.faults import fail


def compare(
    a: Annotated[Path, typer.Argument(help="Checkpoint folder.", show_default=False)],
    b: Annotated[Path, typer.Argument(help="The other checkpoint folder.", show_default=False)],
    prompts: Annotated[Path, typer.Option(help='JSON lines {"turns": \\[user, bot, …, user]}.')],
    out: Annotated[Path, typer.Option(help="FILE.html to vote on; FILE.key.json beside it tells the sides.")],
    seed: Annotated[int, typer.Option(help="Draws the sides.")] = 0,
    owner: Annotated[str, typer.Option(help="Whose chatbot it is.")] = "이연준",
    bot: Annotated[str, typer.Option(help="The bot's name.")] = "말벗",
) -> None:
    """Let two checkpoints answer the same prompts, on a page where people vote without knowing whose reply is whose."""
    from model.checkpoint import CheckpointError, load_checkpoint
    from model.engine import engine_kind, load_engine
    from training.compare import compare as side_by_side, read_prompts, replies
    from training.corpus import CorpusError

    if out.suffix != ".html":
        fail(f"--out must end in .html, not {out.name!r}")
    if not out.absolute().parent.is_dir():
        fail(f"the folder {out.parent} does not exist")
    try:
        asked = read_prompts(prompts)
        engines = [load_engine(folder, engine_kind(load_checkpoint(folder).config)) for folder in (a, b)]
        said = [replies(engine, asked, owner=owner, bot=bot) for engine in engines]
    except (CheckpointError, CorpusError) as error:
        fail(str(error))
    except ImportError as error:
        fail(f"a package that decodes is not installed: {error.name}")
    comparison = side_by_side(asked, *said, names=(str(a), str(b)), seed=seed)
    key = out.with_suffix(".key.json")
    out.write_text(comparison.page, encoding="utf-8")
    key.write_text(json.dumps(comparison.key, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    print(f"{out}: {comparison.asked} prompts to vote on, {comparison.key['identical']} with equal replies left out")
    print(f"{key}: whose reply is whose; look at it after voting")
