"""Tables for operators, on a terminal or in a pipe."""

from rich.console import Console

_PIPE_WIDTH = 200  # characters; a line that is cut or folded is no use to another program


def console() -> Console:
    """Writes to standard output."""
    found = Console(markup=False, emoji=False, highlight=False)
    return found if found.is_terminal else Console(markup=False, emoji=False, highlight=False, width=_PIPE_WIDTH)


def harmless(text: str) -> str:
    """Without what a terminal would obey: a stranger's text could move the cursor, or hide what stands beside it."""
    return "".join(sign if sign.isprintable() or sign == "\n" else "�" for sign in text)
