"""Plain text, a sentence a line: what a model may learn to read on, and never to say."""

import lzma
from pathlib import Path

from model.dialogue import tidy
from training.corpus.conversation import CorpusError
from training.corpus.profanity import is_profane

_SHORTEST, _LONGEST = 8, 60  # characters: as long as what people write in a chat


def read_plain(path: Path) -> list[str]:
    """The sentences of a ``.txt`` or ``.txt.xz`` file of a message's length, without swear words, once each."""
    opener = lzma.open if path.suffix == ".xz" else open
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            lines = [tidy(line) for line in file]
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except (lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not text in UTF-8, or cut off: {error}") from None
    return list(dict.fromkeys(line for line in lines if _SHORTEST <= len(line) <= _LONGEST and not is_profane(line)))
