"""``python -m model``: look at a model, and let it answer."""

import json
import os
import sys
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NoReturn

import typer

from model.options import Decoding, DecodingError

if TYPE_CHECKING:
    from model.engine import EngineReply, Understanding

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # TensorFlow greets every start with a page of hints

app = typer.Typer(
    help="Look at a model, and let it answer.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
_DEFAULTS = Decoding()


class EngineChoice(StrEnum):
    """Engines by name."""

    ctranslate2 = "ctranslate2"
    tensorflow = "tensorflow"


class Attention(StrEnum):
    """The three attentions of a Transformer."""

    cross = "cross"
    encoder = "encoder"
    decoder = "decoder"


class Method(StrEnum):
    """Ways to search for a reply."""

    greedy = "greedy"
    beam = "beam"
    sample = "sample"


@app.command()
def info(
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; by default the one that ships.")] = None,
    preset: Annotated[str | None, typer.Option(help="Instead of a checkpoint: original, default or large.")] = None,
) -> None:
    """Print a model's shape and number of parameters as JSON, and a checkpoint's card."""
    from model.checkpoint import PRETRAINED, CheckpointError, load_checkpoint, parameters
    from model.config import ConfigError, preset as preset_of

    if preset is not None and checkpoint is not None:
        _fail("say either --preset or --checkpoint")
    try:
        if preset is not None:
            config = preset_of(preset)
            content: dict[str, Any] = {"preset": preset, "parameters": parameters(config), "config": config.to_dict()}
        else:
            kept = load_checkpoint(checkpoint or PRETRAINED)
            content = {
                "checkpoint": kept.hash,
                "parameters": parameters(kept.config),
                "config": kept.config.to_dict(),
                "card": kept.card,
            }
    except (CheckpointError, ConfigError) as error:
        _fail(str(error))
    print(json.dumps(content, ensure_ascii=False, indent=2))


@app.command()
def reply(
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; by default the one that ships.")] = None,
    engine: Annotated[EngineChoice, typer.Option(help="What decodes.")] = EngineChoice.ctranslate2,
    compute_type: Annotated[
        Literal["int8", "float32", "int16", "bfloat16"] | None, typer.Option(help="CTranslate2's; int8 by default.")
    ] = None,
    method: Annotated[Method, typer.Option(help="How the reply is searched for.")] = Method.beam,
    beam_size: Annotated[int, typer.Option(help="Prefixes kept (beam).")] = _DEFAULTS.beam_size,
    length_penalty: Annotated[float, typer.Option(help="log P / tokens ** PENALTY (beam).")] = _DEFAULTS.length_penalty,
    top_p: Annotated[float, typer.Option(help="Probability kept (sample).")] = _DEFAULTS.top_p,
    temperature: Annotated[float, typer.Option(help="Above 1 bolder, below 1 safer (sample).")] = _DEFAULTS.temperature,
    repetition_penalty: Annotated[
        float, typer.Option(help="Above 1: what is written already is less likely to be written again.")
    ] = _DEFAULTS.repetition_penalty,
    no_repeat_ngram: Annotated[
        int, typer.Option(help="Tokens in a row never written twice; 0: allowed.")
    ] = _DEFAULTS.no_repeat_ngram,
    max_tokens: Annotated[int, typer.Option(help="Longest reply in tokens.")] = _DEFAULTS.max_tokens,
    candidates: Annotated[int | None, typer.Option(min=1, help="Print as many of what was found, at most.")] = None,
    genericness: Annotated[
        float, typer.Option(help="How much being likely after anything counts (beam).")
    ] = _DEFAULTS.genericness,
    emotion: Annotated[bool, typer.Option("--emotion", help="Print first what the message feels like.")] = False,
    seed: Annotated[int | None, typer.Option(help="Makes sampling repeatable.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Cores to use.")] = 1,
    batch_size: Annotated[int, typer.Option(min=1, help="Conversations decoded together.")] = 32,
    owner: Annotated[str, typer.Option(help="Whose chatbot it is.")] = "이연준",
    bot: Annotated[str, typer.Option(help="The bot's name.")] = "말벗",
) -> None:
    """Answer conversations: JSON lines {"turns": \\[user, bot, …, user]} on stdin, {"reply", "tokens", "score"} out.

    With --emotion first {"emotion": {"code", "name", "group", "probability"}}, of the newest message alone.
    With --candidates also {"candidates": \\[{"reply", "tokens", "score", "worth"}, …]}, the best first.
    """
    from model.checkpoint import PRETRAINED, CheckpointError
    from model.engine import load_engine

    try:
        decoding = Decoding(
            method=method.value,
            max_tokens=max_tokens,
            beam_size=beam_size if candidates is None else max(beam_size, candidates),
            candidates=candidates or Decoding.candidates,
            genericness=genericness,
            length_penalty=length_penalty,
            top_p=top_p,
            temperature=temperature,
            repetition_penalty=repetition_penalty,
            no_repeat_ngram=no_repeat_ngram,
        )
        loaded = load_engine(checkpoint or PRETRAINED, engine.value, threads=threads, compute_type=compute_type)
    except (CheckpointError, DecodingError) as error:
        _fail(str(error))
    except ImportError as error:
        _fail(f"the engine {engine.value} needs a package that is not installed: {error.name}")
    if emotion and not loaded.understands:
        _fail("this checkpoint has not learned to tell emotions: it has no heads.safetensors")
    for batch in _batches(_conversations(), batch_size):
        felt = [_emotion(said) for said in loaded.understand([turns[-1] for turns in batch])] if emotion else None
        for index, answer in enumerate(loaded.reply(batch, decoding, seed)):
            line: dict[str, Any] = {} if felt is None else {"emotion": felt[index]}
            line |= _line(answer, owner, bot)
            if candidates is not None:
                line["candidates"] = [
                    _line(found, owner, bot) | {"worth": round(found.worth, 4)}
                    for found in (answer, *answer.others)[:candidates]
                ]
            print(json.dumps(line, ensure_ascii=False), flush=True)


def _line(found: "EngineReply", owner: str, bot: str) -> dict[str, Any]:
    from model.dialogue import fill_names

    text = fill_names(found.text, owner=owner, bot=bot)
    return {"reply": text, "tokens": found.tokens, "score": round(found.score, 4)}


def _emotion(said: "Understanding") -> dict[str, Any]:
    from model.emotions import EMOTIONS, group_of

    code = said.emotion
    return {"code": code, "name": EMOTIONS[code], "group": group_of(code), "probability": round(said.probability, 4)}


@app.command()
def explain(
    message: Annotated[str, typer.Argument(help="What the user says.", show_default=False)],
    out: Annotated[Path, typer.Option(help="FILE.png: a picture; FILE.html: a page to explore, all in one file.")],
    history: Annotated[
        list[str] | None, typer.Option(help="What was said before; once for each turn: user, bot, …, bot.")
    ] = None,
    attention: Annotated[
        Attention, typer.Option(help="Which attention is drawn; a page has all three and begins with it.")
    ] = Attention.cross,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint folder; by default the one that ships.")] = None,
    engine: Annotated[EngineChoice, typer.Option(help="What decodes.")] = EngineChoice.ctranslate2,
    owner: Annotated[str, typer.Option(help="Whose chatbot it is.")] = "이연준",
    bot: Annotated[str, typer.Option(help="The bot's name.")] = "말벗",
) -> None:
    """Answer one message as `reply` does, and show where the Transformer looked for each token of the answer."""
    if out.suffix not in (".png", ".html"):
        _fail(f"--out must end in .png or .html, not {out.name!r}")
    if not out.absolute().parent.is_dir():
        _fail(f"the folder {out.parent} does not exist")
    turns = [*(history or []), message]
    if len(turns) % 2 == 0:
        _fail("--history takes whole exchanges: once for the user's turn, once for the bot's answer")
    if not message.strip():
        _fail("the message is empty")

    from model.checkpoint import PRETRAINED, CheckpointError, load_checkpoint

    folder = checkpoint or PRETRAINED
    try:
        kept = load_checkpoint(folder)  # before TensorFlow, which takes seconds
        from model.dialogue import fill_names
        from model.engine import load_engine
        from model.explain.explanation import explain as look_into

        decoding = Decoding(max_tokens=min(Decoding().max_tokens, kept.config.max_target))
        if out.suffix == ".png":
            from model.explain.fonts import hangul_font
            from model.explain.picture import draw

            font = hangul_font()
            if font is None:
                _fail("no font with Hangul is installed: install fonts-nanum, or write an .html file, which needs none")
        answer = load_engine(folder, engine.value).reply([turns], decoding)[0]
    except CheckpointError as error:
        _fail(str(error))
    except ImportError as error:
        package = "tensorflow" if error.name == "keras" else error.name
        _fail(f"explain needs the package {package}, which is not installed: `make train` and `make test` install it")
    text = fill_names(answer.text, owner=owner, bot=bot)
    explanation = look_into(
        kept, turns, answer.ids, reply_text=text, max_tokens=decoding.max_tokens, owner=owner, bot=bot
    )
    if out.suffix == ".png":
        draw(explanation, attention.value, out, font)
    else:
        from model.explain.page import page

        out.write_text(page(explanation, attention.value), encoding="utf-8")
    print(text)


def _conversations() -> Iterator[list[str]]:
    for number, line in enumerate(sys.stdin, 1):
        if not line.strip():
            continue
        try:
            turns = json.loads(line)["turns"]
            valid = isinstance(turns, list) and len(turns) % 2 == 1 and all(isinstance(turn, str) for turn in turns)
        except (ValueError, KeyError, TypeError):
            valid = False
        if not valid:
            _fail(f'line {number}: expected {{"turns": [user, bot, …, user]}}, an odd number of texts')
        yield turns


def _batches(items: Iterator[list[str]], size: int) -> Iterator[list[list[str]]]:
    """Lists of ``size`` items; one at a time from a terminal, where a person waits for each."""
    if sys.stdin.isatty():
        size = 1
    batch: list[list[str]] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    raise SystemExit(2)


if __name__ == "__main__":
    app(prog_name="python -m model")
