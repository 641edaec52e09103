"""What there is to say about the checkpoint without loading it."""

import json
from datetime import date
from pathlib import Path

_MAX_CARD = 1 << 20  # bytes; a card is a page of JSON


def facts(checkpoint: Path) -> str | None:
    """One line for users from the checkpoint's card; None where there is no readable card."""
    try:
        with (checkpoint / "card.json").open("rb") as file:
            card = json.loads(file.read(_MAX_CARD))
    except (OSError, ValueError):
        return None
    if not isinstance(card, dict):
        return None
    parts = []
    if isinstance(preset := card.get("preset"), str):
        parts.append(preset)
    if isinstance(parameters := card.get("parameters"), int):
        parts.append(f"파라미터 약 {_in_ten_thousands(parameters)}개")
    if isinstance(trained := card.get("trained"), str) and (day := _day(trained)):
        parts.append(f"{day.year}년 {day.month}월 {day.day}일에 학습")
    return f"모델: {', '.join(parts)}" if parts else None


def _in_ten_thousands(count: int) -> str:
    return f"{round(count / 10_000):,}만 " if count >= 10_000 else f"{count:,}"


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text[:10])
    except ValueError:
        return None
