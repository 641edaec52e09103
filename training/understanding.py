"""How often the encoder's heads are right, on held-out messages of our own."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from keras import ops

from model.dialogue import source_ids
from model.emotions import CODES, GROUPS
from model.engine import Engine
from model.heads import ALARM, Heads, Understanding, newest_turn_mean, understandings
from model.hyperbole import without_hyperbole
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from training.batches import padded
from training.hardware import few_shapes
from training.labels import OWN_SOURCES, UNKNOWN, Labelled, crisis_label, emotion_label
from training.mixture import Mixture

_BATCH = 256
_GROUP_SIZE = len(CODES) // len(GROUPS)

Figures = dict[str, float | int | None]


def held_out_messages(mixture: Mixture, split: Literal["validation", "test"]) -> list[Labelled]:
    """What our own conversations begin with, and the messages that stand for themselves; each once."""
    held_out = mixture.held_out(split)
    first = [
        Labelled(talk.turns[0], emotion_label(talk, 0), crisis_label(talk, 0))
        for source in OWN_SOURCES
        for talk in held_out.get(source, [])
    ]
    alone = [Labelled(message.text, UNKNOWN, int(message.crisis)) for message in mixture.messages_of(split)]
    return list(dict.fromkeys([*first, *alone]))


def engine_understanding(engine: Engine, messages: Sequence[Labelled]) -> Figures:
    """The figures of a checkpoint as it serves."""
    said = [
        understanding
        for start in range(0, len(messages), _BATCH)
        for understanding in engine.understand([message.text for message in messages[start : start + _BATCH]])
    ]
    return understanding_figures(said, messages)


def learned_understanding(
    transformer: Transformer, heads: Heads, tokenizer: Tokenizer, messages: Sequence[Labelled]
) -> Figures:
    """The figures of what has been learned so far."""
    texts = [without_hyperbole(message.text) for message in messages]
    sources = [source_ids(tokenizer, [text], transformer.config.max_source) for text in texts]
    said = understandings(heads, newest_turn_means(transformer, tokenizer, texts), sources, texts)
    return understanding_figures(said, messages)


def newest_turn_means(transformer: Transformer, tokenizer: Tokenizer, texts: Sequence[str]) -> np.ndarray:
    """What the heads read of each text, read alone: ``(texts, d_model)``, float32."""
    sources = [source_ids(tokenizer, [text], transformer.config.max_source) for text in texts]
    means = np.zeros((len(texts), transformer.config.d_model), "float32")
    order = sorted(range(len(texts)), key=lambda index: len(sources[index]))
    few = few_shapes(transformer.config)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        source = padded([sources[index] for index in batch], few.max_source if few else None)
        memory, _ = transformer.encode(source)
        means[batch] = newest_turn_mean(ops.convert_to_numpy(ops.cast(memory, "float32")), source)
    return means


def understanding_figures(
    said: Sequence[Understanding], messages: Sequence[Labelled], threshold: float = ALARM
) -> Figures:
    """Macro-F1 over the six groups and over the sixty emotions, and the crisis head's precision and recall.

    Messages without a label do not count. A figure is None where nothing could have been right: without a label,
    without a message that speaks of a crisis, without an alarm.
    """
    pairs = list(zip(said, messages, strict=True))
    known = [(row, message.emotion) for row, message in pairs if message.emotion >= 0]
    codes = [label for _, label in known]
    alarms = [(row.crisis >= threshold, message.crisis == 1) for row, message in pairs if message.crisis >= 0]
    right = sum(alarm and meant for alarm, meant in alarms)
    alarmed, meant_so = sum(alarm for alarm, _ in alarms), sum(meant for _, meant in alarms)
    return {
        "group_f1": macro_f1(
            [label // _GROUP_SIZE for label in codes],
            [int(np.argmax(list(row.groups.values()))) for row, _ in known],
        ),
        "emotion_f1": macro_f1(codes, [CODES.index(row.emotion) for row, _ in known]),
        "emotion_messages": len(known),
        "crisis_precision": right / alarmed if alarmed else None,
        "crisis_recall": right / meant_so if meant_so else None,
        "crisis_messages": meant_so,
        "messages": len(alarms),
    }


def macro_f1(labels: Sequence[int], found: Sequence[int]) -> float | None:
    """The mean F1 of the classes that occur in ``labels``; None where none does."""
    pairs = list(zip(labels, found, strict=True))
    scores = [_f1(pairs, label) for label in sorted(set(labels))]
    return sum(scores) / len(scores) if scores else None


def _f1(pairs: Iterable[tuple[int, int]], label: int) -> float:
    hits = misses = 0
    for wanted, given in pairs:
        hits += wanted == given == label
        misses += (wanted == label) != (given == label)
    return 2 * hits / (2 * hits + misses)
