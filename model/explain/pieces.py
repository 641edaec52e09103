"""Tokens as a person reads them: words, the endings glued to them, and the bytes of rare characters."""

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

from model.dialogue import fill_names
from model.tokenizer import BYTE_TOKENS, SPECIAL_TOKENS, Tokenizer

_SUPERSCRIPTS = "¹²³⁴"
_FIRST_BYTE = len(SPECIAL_TOKENS)
_FIRST_WORD = _FIRST_BYTE + len(BYTE_TOKENS)


class Piece(NamedTuple):
    """One token to be shown. ``glued``: it goes on the word before it; ``mark``: it lays the conversation out."""

    text: str
    glued: bool
    mark: bool

    @property
    def label(self) -> str:
        """The text where it stands alone, as at an axis; an ending has a hyphen, as in a grammar: ``-었어요``."""
        ending = self.glued and self.text[0].isalpha() and not self.text.startswith("U+")
        return f"-{self.text}" if ending else self.text


def pieces(tokenizer: Tokenizer, ids: Sequence[int], *, owner: str, bot: str) -> list[Piece]:
    """A piece for every id. Bytes show the character that they spell, numbered: 뷁¹ 뷁² 뷁³; others their number."""
    tokens, shown = tokenizer.tokens, list[Piece]()
    while len(shown) < len(ids):
        index = ids[len(shown)]
        if index < _FIRST_BYTE:
            mark = SPECIAL_TOKENS[index].startswith("[")
            shown.append(Piece(fill_names(SPECIAL_TOKENS[index], owner=owner, bot=bot), glued=False, mark=mark))
        elif index < _FIRST_WORD:
            texts = _spelled([i - _FIRST_BYTE for i in ids[len(shown) : len(shown) + 4]])
            shown += [Piece(text, glued=True, mark=False) for text in texts]
        else:
            token = tokens[index]
            text = "".join(map(_visible, token.removeprefix(" "))) or "␣"
            shown.append(Piece(text, glued=not token.startswith(" "), mark=False))
    return shown


def _spelled(values: Sequence[int]) -> list[str]:
    """Of up to four ids counted from the first byte: the character that the first of them spell, or one lone byte."""
    for length in range(1, len(values) + 1):
        try:
            character = _visible(bytes(values[:length]).decode())
        except ValueError:  # not all of them are bytes, or these bytes are no character
            continue
        return [character + _SUPERSCRIPTS[i] for i in range(length)] if length > 1 else [character]
    return [f"0x{values[0]:02X}"]


def _visible(character: str) -> str:
    """Controls, joiners and combining marks by their code: alone they would be nothing to see."""
    return f"U+{ord(character):04X}" if unicodedata.category(character)[0] in "CMZ" else character
