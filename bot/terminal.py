"""What the console shows: prompt and colour on a terminal, the bare replies in a pipe."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from bot import texts

BOLD, DIM, CYAN, PLAIN = "1", "2", "1;36", "0"


class Terminal:
    """Lines in, replies out. In a pipe nothing but replies is written: one for each line, in order."""

    def __init__(self, bot_name: str) -> None:
        self._bot_name = bot_name
        self._interactive = sys.stdin.isatty() and sys.stdout.isatty()
        self._colour = self._interactive and "NO_COLOR" not in os.environ and os.environ.get("TERM") != "dumb"
        if not self._interactive:
            for stream in (sys.stdin, sys.stdout):
                if hasattr(stream, "reconfigure"):
                    stream.reconfigure(encoding="utf-8", errors="replace")

    def greet(self, *lines: str) -> None:
        """Say how this works, to a person."""
        if self._interactive:
            for line in lines:
                print(self._painted(DIM, line))
            print()

    def lines(self) -> Iterator[str]:
        """What is typed, until the input ends; blank lines are passed over."""
        if self._interactive:
            with suppress(ImportError):
                import readline  # noqa: F401 - gives `input` its editing and the history of this talk
            prompt = f"{self._painted(BOLD, texts.YOU, within_prompt=True)}: "
        while True:
            try:
                line = input(prompt) if self._interactive else sys.stdin.readline()
            except EOFError:
                print()  # the prompt's line ends here
                return
            except KeyboardInterrupt:
                if self._interactive:
                    print()
                raise
            if not self._interactive and not line:
                return
            if line.strip():
                yield line.strip()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Show that the reply is on its way."""
        if not self._colour:
            yield
            return
        print(f"{self._painted(CYAN, self._bot_name)}: {self._painted(DIM, texts.WRITING)}", end="", flush=True)
        try:
            yield
        finally:
            print("\r\x1b[K", end="", flush=True)

    def say(self, text: str) -> None:
        """The bot says something."""
        print(f"{self._painted(CYAN, self._bot_name)}: {text}" if self._interactive else text, flush=True)

    def _painted(self, code: str, text: str, *, within_prompt: bool = False) -> str:
        if not self._colour:
            return text
        # readline must know which characters of a prompt take no room.
        begin, end = ("\x01", "\x02") if within_prompt else ("", "")
        return f"{begin}\x1b[{code}m{end}{text}{begin}\x1b[{PLAIN}m{end}"
