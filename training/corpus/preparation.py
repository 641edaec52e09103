"""Public sets as their authors publish them -> the JSON lines that ``read_public`` reads."""

import csv
import io
import json
import unicodedata
from collections.abc import Callable

from training.corpus.conversation import CorpusError


def songys_pairs(content: bytes) -> bytes:
    """ChatbotData.csv (Q,A,label) of songys: spacing made even, each pair of question and answer once, in its order."""
    try:
        pairs: dict[tuple[str, str], int] = {}
        rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        if rows.fieldnames != ["Q", "A", "label"]:
            raise CorpusError(f"not the CSV file of songys: its columns are {rows.fieldnames}")
        for row in rows:
            pairs.setdefault((_even(row["Q"]), _even(row["A"])), int(row["label"]))
    except CorpusError:
        raise
    except (ValueError, csv.Error, AttributeError, TypeError) as error:
        raise CorpusError(f"not the CSV file of songys: {error}") from None
    lines = [
        {"source": "songys/Chatbot_data@4cf20d1", "license": "MIT", "label": label, "turns": list(turns)}
        for turns, label in pairs.items()
        if all(turns)
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


def _even(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


# By the names that public.toml uses.
PREPARATIONS: dict[str, Callable[[bytes], bytes]] = {"songys_pairs": songys_pairs}
