"""Public sets, named by ``public.toml``: read from a folder, never committed, and checked by their sums."""

import hashlib
import re
import tomllib
from pathlib import Path

from training.corpus.conversation import Conversation, CorpusError
from training.corpus.jsonlines import read_jsonlines

MANIFEST = Path(__file__).with_name("public.toml")

# Replies in which the bot gives itself a name or a body that is not its own.
_OTHER_IDENTITY = re.compile(r"위로봇|로봇")


def read_public(folder: Path) -> list[Conversation]:
    """All sets of the manifest from ``folder``; ``CorpusError`` where one is missing or is not what it should be.

    A set that cannot be fetched may be missing, as long as another is there.
    """
    conversations: list[Conversation] = []
    manifest = tomllib.loads(MANIFEST.read_text(encoding="utf-8"))
    for name, entry in manifest.items():
        path = folder / entry["file"]
        if not path.is_file():
            if "url" not in entry and any((folder / other["file"]).is_file() for other in manifest.values()):
                continue
            raise CorpusError(f"{path} is missing: python -m training fetch --out {folder}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != entry["sha256"]:
            raise CorpusError(f"{path} is not the file that training/corpus/public.toml names (sha256 differs)")
        conversations += [
            conversation
            for conversation in read_jsonlines(path, source=name)
            if not any(_OTHER_IDENTITY.search(turn) for turn in conversation.turns[1::2])
        ]
    return conversations
