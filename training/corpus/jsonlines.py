"""Files of one JSON object a line."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from training.corpus.conversation import Conversation, CorpusError

_LONGEST_LINE = 2**20  # characters
_HALF_PAIR = re.compile(r"\\u[dD][89a-fA-F]")


def read_records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line numbers and objects of ``path``; blank lines are passed over."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE + 1), ""), 1):
                if len(line) > _LONGEST_LINE:
                    raise CorpusError(f"{path}:{number}: a line of more than {_LONGEST_LINE:,} characters")
                if line.strip():
                    record = json.loads(line)
                    if _HALF_PAIR.search(line):  # which JSON can spell and UTF-8 cannot; a whole pair is fine
                        json.dumps(record, ensure_ascii=False).encode()
                    if not isinstance(record, dict):
                        raise CorpusError(f"{path}:{number}: a JSON object is expected")
                    yield number, record
    except OSError as error:
        raise CorpusError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, CorpusError):
            raise
        raise CorpusError(f"{path}: not JSON lines in UTF-8: {error}") from None


def read_jsonlines(path: Path, source: str | None = None) -> list[Conversation]:
    """Conversations of lines ``{"turns": [user, bot, …]}``; a user's last turn without an answer is left out.

    Conversations with the same first reply form one group, since such files repeat replies under other questions.
    """
    conversations = []
    for number, record in read_records(path):
        turns = record.get("turns")
        if not isinstance(turns, list) or not all(isinstance(turn, str) and turn.strip() for turn in turns):
            raise CorpusError(f"{path}:{number}: 'turns' must be a list of texts")
        if len(turns) < 2:
            raise CorpusError(f"{path}:{number}: at least one user turn and one reply are expected")
        complete = tuple(turn.strip() for turn in turns[: len(turns) // 2 * 2])
        conversations.append(Conversation(source=source or path.stem, group=f"reply:{complete[1]}", turns=complete))
    return conversations
