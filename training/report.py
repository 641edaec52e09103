"""A checkpoint's report: every figure that says whether it is worth talking to, beside two baselines."""

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.checkpoint import Checkpoint, parameters
from model.dialogue import source_ids
from model.engine import Engine
from model.transformer import Transformer
from training.batches import Example, examples
from training.corpus import Conversation
from training.evaluation import enough_candidates, hits_at_1, likelihood, shuffled
from training.habits import habits
from training.identity import gives_a_name, identity_of
from training.loss import TokenScores
from training.mixture import Mixture
from training.retrieval import Retrieval
from training.understanding import engine_understanding, held_out_messages

PROMPTS = 1_000
SAMPLES = (
    "안녕", "너는 누구니?", "운전면허 드디어 땄다!!", "상사한테 혼났어", "여자친구랑 헤어졌어", "알람 못 듣고 지각했어",
    "떡볶이 먹고 싶다", "잠이 안 와", "오늘 날씨 어때?", "취업이 안 돼서 불안해", "강아지가 아파", "심심해", "고마워",
    "잘 자",
)  # fmt: skip


@dataclass(frozen=True)
class Prompt:
    """A held-out context ``[user, bot, …, user]``, what was said in truth, and of which kind its conversation is."""

    context: tuple[str, ...]
    reply: str
    kind: str


def prompts(held_out: dict[str, list[Conversation]], limit: int = PROMPTS, seed: int = 0) -> list[Prompt]:
    """At most ``limit`` held-out contexts, drawn from all sources; always the same."""
    found = [
        Prompt(tuple(context), reply, talk.kind)
        for _, part in sorted(held_out.items())
        for talk in part
        for context, reply in talk.examples()
    ]
    found = list(dict.fromkeys(found))
    random.Random(seed).shuffle(found)
    return found[:limit]


def likelihood_figures(checkpoint: Checkpoint, held_out: dict[str, list[Conversation]]) -> dict[str, Any]:
    """How well the checkpoint predicts held-out replies, by source, together, by turn, and what the history is worth.

    ``context_gain`` is the share of bits per character that the history saves on turns 2 and later of our own
    dialogues; ``shuffled_sources`` the share by which loss rises when sources are passed on to the wrong conversations.
    ``hits_at_1`` is None where there are no twenty replies to choose from.
    """
    transformer = Transformer(checkpoint.config)
    transformer.set_named_weights(checkpoint.weights)
    scores = TokenScores(transformer)
    scores.compile()

    def measure(rows: Sequence[Example]) -> dict[str, float]:
        return likelihood(scores, rows, checkpoint.tokenizer)

    def relevance(rows: Sequence[Example]) -> float | None:
        return hits_at_1(scores, rows) if enough_candidates(rows) else None

    figures: dict[str, Any] = {"parameters": parameters(checkpoint.config), "by_source": {}}
    for source, part in sorted(held_out.items()):
        rows = examples(part, checkpoint.tokenizer, checkpoint.config)
        own = measure(rows)
        foreign = measure(shuffled(rows))
        figures["by_source"][source] = {
            **own,
            "hits_at_1": relevance(rows),
            "shuffled_sources": foreign["loss"] / own["loss"] - 1,
        }
    if held_out:
        figures["together"] = together(figures["by_source"])
    by_turn: dict[int, list[Example]] = {}
    later: list[Example] = []
    later_alone: list[Example] = []
    for talk in held_out.get("dialogues", []):
        rows = examples([talk], checkpoint.tokenizer, checkpoint.config)
        for number, (row, (context, _)) in enumerate(zip(rows, talk.examples(), strict=True), 1):
            by_turn.setdefault(number, []).append(row)
            if number > 1:
                alone = source_ids(checkpoint.tokenizer, context[-1:], checkpoint.config.max_source)
                later.append(row)
                later_alone.append(Example(alone, row.target, row.label))
    figures["by_turn"] = {
        str(number): {**measure(rows), "hits_at_1": relevance(rows)} for number, rows in sorted(by_turn.items())
    }
    if later:
        figures["context_gain"] = 1 - measure(later)["bits_per_character"] / measure(later_alone)["bits_per_character"]
    return figures


def together(by_source: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The figures of all sources as one, each token counting alike; what depends on the candidates is left out."""
    tokens = {source: part["tokens"] for source, part in by_source.items()}
    nats = {source: part["loss"] * tokens[source] for source, part in by_source.items()}
    bits = {source: lost / math.log(2) for source, lost in nats.items()}
    characters = {source: bits[source] / part["bits_per_character"] for source, part in by_source.items()}
    loss = sum(nats.values()) / sum(tokens.values())
    right = sum(part["accuracy"] * tokens[source] for source, part in by_source.items())
    return {
        "loss": loss,
        "accuracy": right / sum(tokens.values()),
        "bits_per_character": sum(bits.values()) / sum(characters.values()),
        "perplexity": math.exp(loss),
        "examples": sum(part["examples"] for part in by_source.values()),
        "tokens": sum(tokens.values()),
        "shuffled_sources": sum(part["shuffled_sources"] * nats[source] for source, part in by_source.items())
        / sum(nats.values()),
    }


def reply_figures(replies: Sequence[str], asked: Sequence[Prompt]) -> dict[str, Any]:
    """Habits of the replies to ``asked``, and how many of those who did not ask were told the bot's name."""
    figures: dict[str, Any] = dict(habits(replies))
    elsewhere = [
        gives_a_name(reply)
        for reply, prompt in zip(replies, asked, strict=True)
        if prompt.kind != "identity" and not gives_a_name(prompt.reply)
    ]
    figures["false_identity"] = sum(elsewhere) / len(elsewhere) if elsewhere else None
    return figures


def answers(engine: Engine, asked: Sequence[Prompt], batch: int = 32) -> list[str]:
    """The engine's replies to ``asked``, placeholders included."""
    contexts = [prompt.context for prompt in asked]
    return [
        reply.text
        for start in range(0, len(contexts), batch)
        for reply in engine.reply(contexts[start : start + batch])
    ]


def retrieval_of(mixture: Mixture, seed: int) -> Retrieval:
    """Nearest neighbour over one epoch's training exchanges."""
    return Retrieval((context[-1], reply) for talk in mixture.epoch(seed, 1) for context, reply in talk.examples())


def retrieval_hits_at_1(
    retrieval: Retrieval, held_out: dict[str, list[Conversation]], *, limit: int = 300, seed: int = 0
) -> dict[str, float]:
    """hits@1 of 20 by source, for retrieval: the candidate most like the reply that it would have given."""
    figures = {}
    for source, part in sorted(held_out.items()):
        rng = random.Random(seed)
        rows = [(context[-1], reply) for talk in part for context, reply in talk.examples()]
        replies = sorted({reply for _, reply in rows})
        questions = rng.sample(rows, min(limit, len(rows)))
        hits = 0
        for message, reply in questions:
            others = [other for other in replies if other != reply]
            candidates = [*rng.sample(others, min(19, len(others))), reply]  # last: a tie is no hit
            hits += retrieval.choose(message, candidates) == len(candidates) - 1
        figures[source] = hits / max(len(questions), 1)
    return figures


def make_report(
    subjects: dict[str, tuple[Checkpoint, Engine]], mixture: Mixture, *, split: str = "test", seed: int = 42
) -> dict[str, Any]:
    """The figures of every checkpoint by name, of retrieval, and of what people really answered, on held-out data."""
    held_out = mixture.held_out(split)  # type: ignore[arg-type]
    asked = prompts(held_out)
    retrieval = retrieval_of(mixture, seed)
    report: dict[str, Any] = {"split": split, "prompts": len(asked), "subjects": {}, "samples": {}}
    for name, (checkpoint, engine) in subjects.items():
        report["subjects"][name] = {
            "checkpoint": checkpoint.hash,
            **likelihood_figures(checkpoint, held_out),
            "replies": reply_figures(answers(engine, asked), asked),
            "identity": identity_of(engine),
        }
        if engine.understands:
            report["subjects"][name]["understanding"] = engine_understanding(engine, held_out_messages(mixture, split))
        replies = engine.reply([[message] for message in SAMPLES])
        report["samples"][name] = [[message, reply.text] for message, reply in zip(SAMPLES, replies, strict=True)]
    report["subjects"]["retrieval"] = {
        "by_source": {source: {"hits_at_1": hits} for source, hits in retrieval_hits_at_1(retrieval, held_out).items()},
        "replies": reply_figures([retrieval.reply(prompt.context[-1]) for prompt in asked], asked),
    }
    report["samples"]["retrieval"] = [[message, retrieval.reply(message)] for message in SAMPLES]
    report["subjects"]["corpus"] = {"replies": reply_figures([prompt.reply for prompt in asked], asked)}
    return report
