"""What there is to say about the checkpoint without loading it."""

import json
from pathlib import Path

_MAX_CARD = 1 << 20  # bytes; a card is some pages of JSON
_LONGEST_NAME = 64  # characters


def facts(checkpoint: Path) -> str | None:
    """One line for users from the checkpoint's card; None where there is no card that can be read."""
    try:
        with (checkpoint / "card.json").open("rb") as file:
            card = json.loads(file.read(_MAX_CARD))
    except (OSError, ValueError, RecursionError):
        return None
    parts = []
    match card:
        case {"name": str(name)}:
            parts.append(" ".join(name.split())[:_LONGEST_NAME])
    match card:
        case {"config": {"encoder_layers": int(encoder), "decoder_layers": int(decoder)}} if encoder + decoder < 1000:
            parts.append(f"인코더 {encoder}층과 디코더 {decoder}층")
    match card:
        case {"parameters": int(parameters)} if 0 < parameters < 10**15:
            parts.append(f"파라미터 약 {round(parameters / 10_000):,}만 개")
    return f"모델: {', '.join(parts)}" if parts else None
