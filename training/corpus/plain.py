"""Plain text, a sentence a line: what a model may learn to read on, and never to say."""

import lzma
from pathlib import Path

from model.dialogue import tidy
from model.profanity import is_profane
from training.corpus.conversation import CorpusError

_SHORTEST, _LONGEST = 8, 60  # characters: as long as what people write in a chat
_PIECE = 2**16  # characters read at a time
_MOST = 2**30  # characters; the largest set of plain text that we know has a thirtieth of that


def read_plain(path: Path) -> list[str]:
    """The sentences of a ``.txt`` or ``.txt.xz`` file of a message's length, without swear words, once each."""
    opener = lzma.open if path.suffix == ".xz" else open
    sentences: dict[str, None] = {}
    read = 0
    try:
        with opener(path, "rt", encoding="utf-8") as file:
            # In pieces: neither a line of a gigabyte nor an archive of a thousand of them is ever held.
            while piece := file.readline(_PIECE):
                read += len(piece)
                if read > _MOST:
                    raise CorpusError(f"{path}: more than {_MOST:,} characters")
                line = tidy(piece) if len(piece) < _PIECE else ""
                if _SHORTEST <= len(line) <= _LONGEST and not is_profane(line):
                    sentences[line] = None
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror or 'cannot be read'}") from None
    except (lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise CorpusError(f"{path}: not text in UTF-8, or cut off: {error}") from None
    return list(sentences)
