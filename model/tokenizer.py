"""Text to token ids and back: byte-pair encoding (Sennrich et al. 2016) that loses no character.

A syllable or emoji that the vocabulary lacks is spelled in bytes, so there is no unknown token. The special tokens
stand in the vocabulary but no merge leads to them: a user may type ``[END]`` or ``<owner>`` and gets ordinary
characters. Only texts of our own (the corpus, the model's replies) have their ``<owner>`` and ``<bot>`` recognised.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Self

from tokenizers import Regex, Tokenizer as BytePairEncoder, decoders, models, normalizers, pre_tokenizers, trainers

PAD, START, END, USER, BOT, OWNER_NAME, BOT_NAME = range(7)
SPECIAL_TOKENS = ("[PAD]", "[START]", "[END]", "[USER]", "[BOT]", "<owner>", "<bot>")
# Marks of the layout: a reply never holds them.
NEVER_WRITTEN = (PAD, START, USER, BOT)
BYTE_TOKENS = tuple(f"<0x{byte:02X}>" for byte in range(256))

_PLACEHOLDER = re.compile(r"(<owner>|<bot>)")
_PLACEHOLDER_ID = {"<owner>": OWNER_NAME, "<bot>": BOT_NAME}

# Where a word may not be merged across: spaces (kept with the word that follows), digits one by one, punctuation
# mark by mark, and runs of ㅋㅋ or ㅠㅠ, which people glue to anything.
_WORD = r" ?[0-9]| ?[ㄱ-ㅣ]+| ?\p{P}| ?[^\s\p{P}0-9ㄱ-ㅣ]+|\s+"


class TokenizerError(ValueError):
    """A ``tokenizer.json`` that this program did not write."""


class Tokenizer:
    """Token ids of texts. Ids 0–6 are the special tokens, 7–262 the bytes, then syllables and subwords."""

    def __init__(self, vocabulary: dict[str, int], merges: Sequence[tuple[str, str]]) -> None:
        self._vocabulary = vocabulary
        self._merges = list(merges)
        self._tokens = [token for token, _ in sorted(vocabulary.items(), key=lambda item: item[1])]
        expected = SPECIAL_TOKENS + BYTE_TOKENS
        if tuple(self._tokens[: len(expected)]) != expected or sorted(vocabulary.values()) != list(
            range(len(vocabulary))
        ):
            raise TokenizerError("the vocabulary does not begin with the special tokens and bytes, or has gaps")
        if set(SPECIAL_TOKENS) & {left + right for left, right in self._merges}:
            raise TokenizerError("a merge leads to a special token")
        try:
            self._encoder = BytePairEncoder(models.BPE(vocabulary, self._merges, byte_fallback=True))
        except Exception as error:  # noqa: BLE001 - the library raises bare Exception for merges outside of the vocabulary
            raise TokenizerError(f"the merges do not fit the vocabulary: {error}") from None
        self._encoder.normalizer = normalizers.NFC()
        self._encoder.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD), behavior="isolated")
        self._encoder.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Fuse()])

    @classmethod
    def train(cls, texts: Iterable[str], vocabulary_size: int) -> Self:
        """Learn merges from ``texts`` until the vocabulary, special tokens and bytes included, has that size."""
        learner = BytePairEncoder(models.BPE())
        learner.normalizer = normalizers.NFC()
        learner.pre_tokenizer = pre_tokenizers.Split(Regex(_WORD), behavior="isolated")
        reserved = len(SPECIAL_TOKENS) + len(BYTE_TOKENS)
        size = vocabulary_size - reserved
        clean = [" " + _PLACEHOLDER.sub(" ", normalize(text)) for text in texts]
        # The commonest characters, ties broken by their code: left to choose, the library chooses anew each time.
        counts = Counter(character for text in clean for character in text)
        alphabet = sorted(counts, key=lambda character: (-counts[character], character))[: max(size // 4, 1)]
        trainer = trainers.BpeTrainer(
            vocab_size=size,
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            min_frequency=2,
            show_progress=False,
        )
        learner.train_from_iterator(clean, trainer)
        learned = json.loads(learner.to_str())["model"]
        vocabulary = {token: index for index, token in enumerate(SPECIAL_TOKENS + BYTE_TOKENS)}
        for token in sorted(learned["vocab"], key=learned["vocab"].__getitem__):
            vocabulary.setdefault(token, len(vocabulary))
        return cls(vocabulary, [tuple(merge) for merge in learned["merges"]])

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what ``to_json`` wrote; ``TokenizerError`` for anything else."""
        try:
            content: Any = json.loads(text)
            vocabulary, merges = content["vocabulary"], content["merges"]
            fits = (
                isinstance(vocabulary, list)
                and all(isinstance(token, str) and token for token in vocabulary)
                and len(set(vocabulary)) == len(vocabulary)
                and isinstance(merges, list)
                and all(isinstance(m, list) and len(m) == 2 and all(isinstance(p, str) for p in m) for m in merges)
            )
        except (ValueError, KeyError, TypeError, RecursionError):
            fits = False
        if not fits:
            raise TokenizerError("it is not a tokenizer of this program")
        return cls({token: index for index, token in enumerate(vocabulary)}, [(left, right) for left, right in merges])

    def to_json(self) -> str:
        """One token a line, so that a person can read it and a diff stays small."""
        merges = [list(merge) for merge in self._merges]
        return json.dumps({"vocabulary": self._tokens, "merges": merges}, ensure_ascii=False, indent=0)

    @property
    def size(self) -> int:
        """How many tokens there are."""
        return len(self._tokens)

    @property
    def tokens(self) -> list[str]:
        """The token of each id; a space that belongs to a token is a real space."""
        return list(self._tokens)

    def encode(self, text: str) -> list[int]:
        """Ids of a text from outside: nothing in it is special, and every character survives ``decode``.

        Lone surrogates, which UTF-8 cannot carry, become question marks; the rest comes back in Unicode's NFC.
        """
        # The space before the first word makes "오늘" one token whether it begins a sentence or stands inside of it.
        return self._ids(" " + text)

    def encode_own(self, text: str) -> list[int]:
        """Ids of a text of our own, whose ``<owner>`` and ``<bot>`` are single tokens."""
        ids: list[int] = []
        for part in _PLACEHOLDER.split(" " + text):
            ids += [_PLACEHOLDER_ID[part]] if part in _PLACEHOLDER_ID else self._ids(part)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ``ids``: placeholders are spelled out, other special tokens left out."""
        text, run = "", []
        for index in ids:
            if index >= len(SPECIAL_TOKENS):
                run.append(index)
            elif index in (OWNER_NAME, BOT_NAME):
                text += self._text(run) + SPECIAL_TOKENS[index]
                run = []
        return (text + self._text(run)).removeprefix(" ")

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._encoder.encode(text.encode("utf-8", "replace").decode()).ids
        return ids

    def _text(self, ids: list[int]) -> str:
        text: str = self._encoder.decode(ids) if ids else ""
        return text


def normalize(text: str) -> str:
    """Unicode's NFC: a syllable typed as separate jamo (as macOS does) is the same syllable.

    Not NFKC, which would turn ㅋㅋ and ㅠㅠ into conjoining jamo that no font and no corpus has.
    """
    return unicodedata.normalize("NFC", text)
