"""A training run as a process of its own, so that it can be killed:  python -m tests.training.small_run FOLDER"""

import sys
from dataclasses import replace
from pathlib import Path

from model.config import PRESETS
from tests.training.conftest import OPTIONS, pairs_mixture, tiny
from training import trainer

if __name__ == "__main__":
    PRESETS["tiny"] = tiny()
    trainer._SAVE_EVERY = 2
    options = replace(OPTIONS, epochs=1)
    trainer.train(options, pairs_mixture(), Path(sys.argv[1]), provenance={}, say=lambda line: print(line, flush=True))
