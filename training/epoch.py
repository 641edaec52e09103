"""The batches of one epoch; where the processors are idle, they are made ahead, by a process beside the training."""

import random
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection

from model.config import ModelConfig
from model.tokenizer import Tokenizer
from training.batches import Batch, bucketed, examples, message_example
from training.denoising import restoration
from training.mixture import Mixture
from training.subwords import CuttingTokenizer


@dataclass(frozen=True)
class Epochs:
    """What an epoch is made of; ``few`` is that of ``training.batches``."""

    mixture: Mixture
    tokenizer: Tokenizer
    config: ModelConfig
    batch_size: int
    seed: int
    few: ModelConfig | None

    def batches(self, epoch: int) -> list[Batch]:
        """Every reply of its conversations, its messages, and its plain texts to be restored; always the same."""
        rng = random.Random(f"{self.seed}/{epoch}/batches")
        mixture, config = self.mixture, self.config
        reader = CuttingTokenizer.of(self.tokenizer, mixture.recipe.subword_cuts, rng)
        rows = examples(mixture.epoch(self.seed, epoch), reader, config)
        rows += [message_example(message, reader, config) for message in mixture.epoch_messages(self.seed, epoch)]
        rows += [restoration(text, self.tokenizer, config, rng) for text in mixture.plain_texts(self.seed, epoch)]
        return list(bucketed(rows, self.batch_size, rng, self.few))


@contextmanager
def made_ahead(epochs: Epochs, last: int) -> Iterator[Callable[[int], list[Batch]]]:
    """Within it, a function that gives an epoch's batches and has those of the next, up to ``last``, made meanwhile.

    Each by a process of its own, which ends with what it has made, and ends, too, when nobody is left to take it.
    """
    processes = get_context("spawn")  # a fork of a process with an accelerator in hand may hang
    begun: dict[int, Connection] = {}

    def begin(epoch: int) -> None:
        if epoch not in begun and epoch <= last:
            begun[epoch], theirs = processes.Pipe(duplex=False)
            processes.Process(target=_make, args=(epochs, epoch, theirs), daemon=True).start()
            theirs.close()

    def take(epoch: int) -> list[Batch]:
        begin(epoch)
        begin(epoch + 1)
        try:
            made: list[Batch] = begun.pop(epoch).recv()
        except EOFError:  # its process has died, of scarce memory as a rule
            return epochs.batches(epoch)
        return made

    try:
        yield take
    finally:
        for connection in begun.values():
            connection.close()


def _make(epochs: Epochs, epoch: int, to: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the run, and ends this one with it
    with suppress(BrokenPipeError):  # where the run has ended
        to.send(epochs.batches(epoch))
