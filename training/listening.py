"""What hears of a crisis, and of somebody who asks who the bot is: an encoder of the heads' own, and two who help it.

While the Transformer is trained, two heads shape its encoder, and the reply shapes it far more. When that has ended, a
copy of it and of its embeddings goes on alone: sixty emotions, crisis, and whether somebody asks who the bot is. The
latter two are asked of the message's letters and of its phrases as well (``training.letters``, ``training.phrases``).
The replies stay as they were. It can be done again whenever there are more messages to learn from.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from model.checkpoint import Checkpoint, encoder_shapes, load_checkpoint, save_checkpoint
from model.dialogue import source_ids
from model.emotions import CODES
from model.heads import ALARM, QUESTIONS, Heads, Linear
from model.hyperbole import without_hyperbole
from model.letters import letter_rows
from model.tokenizer import Tokenizer
from model.transformer import Transformer
from training.batches import alike_in_length, padded
from training.corpus import Conversation
from training.corpus.messages import Message
from training.heads import answer_loss, emotion_loss, newest_turn_mean
from training.labels import UNKNOWN, Labelled, crisis_label, emotion_label, identity_label
from training.letters import LetterReader
from training.mixture import Mixture
from training.phrases import PhraseReader
from training.progress import watched
from training.schedule import WarmupCosine
from training.subwords import CuttingTokenizer
from training.understanding import newest_turn_means

# The share of ordinary messages that may be taken for a yes. Each that gets the help line is a nuisance, a missed one a
# danger; of those who ask for no name few are told one, and few who ask are not.
MISTAKEN = {"crisis": 0.01, "identity": 0.0035}

_DROPOUT = 0.2
_WARMUP = 100  # steps
_AVERAGE = 0.999  # of the weights: the share that a step keeps of it
_ORDINARY = 30_000  # turns an epoch from which only can be learned what is none
_AMONG = 0.3  # share of the messages that are read with ordinary ones before or after them, as if written in a row
_SHORT = 40  # characters of an ordinary one, at most
_EMOTION = 0.3  # weight of the emotion's loss
_LABELS = ("emotion", *QUESTIONS)


class Lessons(NamedTuple):
    """How often all messages are read, how many at once, and the highest learning rate."""

    epochs: int
    batch: int
    rate: float


_LISTENING = Lessons(6, 64, 1e-3)
_SPELLING = Lessons(5, 128, 2e-3)
_PHRASING = Lessons(7, 128, 2e-3)

Tensor = keras.KerasTensor


class Listener(keras.Model):
    """An encoder and its three heads: messages in, logits of the emotions and of the questions out."""

    def __init__(self, checkpoint: Checkpoint, dropout: float) -> None:
        super().__init__(name="listener")
        self.transformer = Transformer(replace(checkpoint.config, dropout=dropout))
        self.transformer.set_named_weights(checkpoint.weights)
        self.transformer.trainable = False
        self.transformer.source_embedding.trainable = True
        self.transformer.encoder.trainable = True
        width = checkpoint.config.d_model
        # In float32 whatever the encoder computes in. They begin at zero, as a logistic regression may.
        self.emotion = keras.layers.Dense(len(CODES), kernel_initializer="zeros", dtype="float32")
        self.questions = keras.layers.Dense(len(QUESTIONS), kernel_initializer="zeros", dtype="float32")
        self.dropout = keras.layers.Dropout(dropout, dtype="float32")
        self.emotion.build((None, width))
        self.questions.build((None, width))
        self.built = True

    def call(self, inputs: dict[str, Tensor], training: bool = False) -> tuple[Tensor, Tensor]:
        """Ids ``source`` ``(batch, source)`` -> logits ``(batch, 60)`` and ``(batch, 2)``.

        The labels, each ``(batch,)``, are inputs as well, -1 where there is none; what is lost by all three heads is
        added to the model's loss, in nats a labelled message.
        """
        memory, _ = self.transformer.encode(inputs["source"], training=training)
        pooled = self.dropout(newest_turn_mean(memory, inputs["source"]), training=training)
        emotion, questions = self.emotion(pooled), self.questions(pooled)
        self.add_loss(_EMOTION * emotion_loss(inputs["emotion"], emotion))
        self.add_loss(answer_loss(inputs, questions))
        return emotion, questions

    def learned(self) -> Heads:
        """What a checkpoint keeps."""
        emotion, questions = (
            Linear(*(ops.convert_to_numpy(variable) for variable in layer.weights))
            for layer in (self.emotion, self.questions)
        )
        crisis, identity = (
            Linear(questions.kernel[:, [index]], questions.bias[[index]]) for index in range(len(QUESTIONS))
        )
        weights = self.transformer.named_weights()
        return Heads(
            emotion, crisis, identity, encoder={name: weights[name] for name in encoder_shapes(self.transformer.config)}
        )


def train_listener_in(folder: Path, mixture: Mixture, seed: int, card: dict[str, Any]) -> None:
    """Put what ``train_listener`` makes into the checkpoint in ``folder``, and ``card`` on its card; all else stays."""
    kept = load_checkpoint(folder)
    heads = train_listener(kept, mixture, seed)
    card = {**kept.card, **card}
    card.pop("report", None)  # which is of other heads
    save_checkpoint(folder, kept.config, kept.tokenizer, kept.weights, card, half=True, heads=heads)


def train_listener(checkpoint: Checkpoint, mixture: Mixture, seed: int) -> Heads:
    """An encoder of its own for the heads of ``checkpoint``, and the heads, learned from ``mixture``.

    Where the mixture has no example of a crisis, or none of the contrary, the heads stay as they are; where it has none
    of somebody who asks for a name, or none of the contrary, no head answers that.

    Raises:
        ValueError: the checkpoint has no heads.
    """
    if checkpoint.heads is None:
        raise ValueError("this checkpoint has no heads: its encoder has not learned to hear of a crisis")
    first = epoch_of_messages(mixture, seed, 1)
    taught = {question: {0, 1} <= {getattr(each, question) for each in first} for question in QUESTIONS}
    if not taught["crisis"]:
        return checkpoint.heads
    most = max(lessons.epochs for lessons in (_LISTENING, _SPELLING, _PHRASING))
    epochs = [first, *(epoch_of_messages(mixture, seed, number) for number in range(2, most + 1))]
    keras.utils.set_random_seed(seed)
    config = checkpoint.config
    listener, letters = Listener(checkpoint, _DROPOUT), LetterReader()
    phrases = PhraseReader(checkpoint.weights[next(name for name in encoder_shapes(config) if "embeddings" in name)])

    def ids(batch: Sequence[Labelled], tokenizer: Tokenizer) -> dict[str, np.ndarray]:
        return {"source": padded([source_ids(tokenizer, [message.text], config.max_source) for message in batch])}

    def tokenizer(rng: random.Random) -> Tokenizer:
        return CuttingTokenizer.of(checkpoint.tokenizer, mixture.recipe.subword_cuts, rng)

    for reader, lessons, inputs in ((listener, _LISTENING, ids), (letters, _SPELLING, rows), (phrases, _PHRASING, ids)):
        _teach(reader, lessons, inputs, tokenizer, epochs, seed)
    heads = replace(listener.learned(), letters=letters.learned(), phrases=phrases.learned())
    if not taught["identity"]:
        heads = replace(heads, identity=None)
    return alarmed(heads, listener.transformer, checkpoint.tokenizer, ordinary_turns(mixture, "validation"))


Inputs = Callable[[Sequence[Labelled], Tokenizer], dict[str, np.ndarray]]


def _teach(
    model: keras.Model,
    lessons: Lessons,
    inputs: Inputs,
    tokenizer: Callable[[random.Random], Tokenizer],
    epochs: Sequence[Sequence[Labelled]],
    seed: int,
) -> None:
    """Train ``model``, whose loss is its own, on the messages of ``epochs``; it reads ``inputs`` and the labels."""
    steps = lessons.epochs * -(-len(epochs[0]) // lessons.batch)
    rate = WarmupCosine(lessons.rate, min(_WARMUP, steps // 10), steps)
    # As in ``training.trainer``: the average of the weights is kept, over a fifth of the run at most.
    optimizer = keras.optimizers.AdamW(
        rate, weight_decay=0.01, global_clipnorm=1.0, use_ema=True, ema_momentum=min(_AVERAGE, max(1 - 5 / steps, 0.0))
    )
    model.compile(optimizer=optimizer, jit_compile=False)
    for number, messages in enumerate(epochs[: lessons.epochs], start=1):
        rng = random.Random(f"{seed}/{number}/listening")
        reader = tokenizer(rng)
        batches = alike_in_length(among_others(messages, rng), lessons.batch, lambda each: len(each.text), rng)
        for batch in watched(batches, f"{model.name} {number}/{lessons.epochs}"):
            labels = {name: np.array([getattr(each, name) for each in batch], "int32") for name in _LABELS}
            model.train_on_batch({**inputs(batch, reader), **labels})
    optimizer.finalize_variable_values(model.trainable_variables)


def rows(batch: Sequence[Labelled], _: Tokenizer) -> dict[str, np.ndarray]:
    """The letters of each message, as ``LetterReader`` reads them."""
    return {"letters": padded([[place + 1 for place in letter_rows(message.text)] for message in batch])}


def ordinary_turns(mixture: Mixture, split: Literal["validation", "test"]) -> list[Labelled]:
    """What people say in held-out conversations, each once."""
    talks = [talk for part in mixture.held_out(split).values() for talk in part]
    return sorted({turn for talk in talks for turn in _turns(talk)}, key=lambda turn: turn.text)


def epoch_of_messages(mixture: Mixture, seed: int, number: int) -> list[Labelled]:
    """The messages of epoch ``number``, none of them held out: all that tell something, and some ordinary ones."""
    found: dict[str, Labelled] = {}
    ordinary: dict[str, Labelled] = {}
    for talk in mixture.epoch(seed, number):
        for turn in _turns(talk):
            tells = turn.emotion != UNKNOWN or 1 in (turn.crisis, turn.identity)
            (found if tells else ordinary)[turn.text] = turn
    rng = random.Random(f"{seed}/{number}/ordinary")
    for turn in rng.sample(list(ordinary.values()), min(_ORDINARY, len(ordinary))):
        found.setdefault(turn.text, turn)
    for message in [*mixture.epoch_messages(seed, number), *mixture.messages_of("train")]:
        labelled = _labelled(message)
        found[labelled.text] = labelled
    return list(found.values())


def among_others(messages: Sequence[Labelled], rng: random.Random) -> list[Labelled]:
    """Some of ``messages`` with ordinary ones before or after them, which change no yes and no no.

    Without them the mean over all that is written loses what is grave in one sentence of three.
    """
    ordinary = [each.text for each in messages if each.crisis == each.identity == 0 and len(each.text) <= _SHORT]
    if not ordinary:
        return list(messages)

    def surrounded(message: Labelled) -> Labelled:
        before, after = rng.choice(((1, 0), (0, 1), (1, 1)))
        texts = [*rng.choices(ordinary, k=before), message.text, *rng.choices(ordinary, k=after)]
        return replace(message, text=" ".join(texts), emotion=UNKNOWN)

    return [surrounded(message) if rng.random() < _AMONG else message for message in messages]


def _labelled(message: Message) -> Labelled:
    """``message`` as the heads read it."""
    identity = UNKNOWN if message.identity is None else int(message.identity)
    return Labelled(without_hyperbole(message.text), UNKNOWN, int(message.crisis), identity)


def _turns(talk: Conversation) -> Iterator[Labelled]:
    """What the user says in ``talk``, as the heads read it."""
    for at, text in enumerate(talk.turns[talk.context :: 2]):
        labels = emotion_label(talk, at), crisis_label(talk, at), identity_label(talk, at)
        yield Labelled(without_hyperbole(text), *labels)


def alarmed(heads: Heads, transformer: Transformer, tokenizer: Tokenizer, ordinary: Sequence[Labelled]) -> Heads:
    """``heads`` with their biases moved: they are as sure as ``ALARM`` of a share ``MISTAKEN`` of what is a no."""
    texts = [turn.text for turn in ordinary]
    sources = [source_ids(tokenizer, [text], transformer.config.max_source) for text in texts]
    answers = heads.answers(newest_turn_means(transformer, tokenizer, texts), sources, texts)
    for column, question in enumerate(QUESTIONS):
        head: Linear | None = getattr(heads, question)
        no = [index for index, turn in enumerate(ordinary) if getattr(turn, question) == 0]
        if head is not None and no:
            level = float(np.clip(np.quantile(answers[no, column], 1 - MISTAKEN[question]), 1e-6, 1 - 1e-6))
            # One of several whose mean it is that has to move.
            moved = heads.readers * (_logit(ALARM) - _logit(level))
            heads = replace(heads, **{question: replace(head, bias=head.bias + np.float32(moved))})
    return heads


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
