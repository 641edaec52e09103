"""What a doctor may find."""

from dataclasses import dataclass
from enum import IntEnum

CLOCK_OFF, CLOCK_WRONG = 5.0, 300.0  # seconds


class State(IntEnum):
    """How it stands; the greatest of all is the exit code."""

    SOUND = 0
    WARNING = 1
    FAULT = 2


@dataclass(frozen=True)
class Finding:
    """What was found of one thing, and what to do about it."""

    what: str
    found: str
    state: State = State.SOUND
    mend: str = ""


def clock(whose: str, there: float, here: float) -> Finding:
    """How a clock stands to ours; both in seconds since the epoch."""
    off = there - here
    state = State.FAULT if abs(off) > CLOCK_WRONG else State.WARNING if abs(off) > CLOCK_OFF else State.SOUND
    found = f"{abs(off):.0f} s {'ahead of' if off > 0 else 'behind'} ours" if state else "agrees with ours"
    return Finding(
        f"clock of {whose}", found, state, "let both machines keep time: timedatectl set-ntp true" if state else ""
    )
