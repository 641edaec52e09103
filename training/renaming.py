"""A noun that the reply takes up from the message is exchanged for another one, on both sides.

A small corpus teaches what is usually said about an interview, and a model may then say 면접 without having read it;
of a noun that it has hardly met it makes another. Where 면접을 and 면접은 are 화분을 and 화분은, the noun in the reply
can be had from the conversation alone. Pointer-generator networks have a part of their own to copy with (See et al.
2017, *Get To The Point*); here attention learns it from examples. Held-out conversations are never changed.
"""

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Self

from training.corpus import Conversation
from training.corpus.particles import PARTICLES, final_consonant

KINDS = ("", "emotion", "smalltalk")  # of conversations; where it is another, words are not to be exchanged

_INVENTED = 0.3  # share of the other nouns that nobody has met: the beginning of one and the end of another
_SEEN = 2  # times with a particle of each sort, from which on a word is taken for a noun
_OBJECT = ("을", "를")
_SUBJECT = ("이", "가", "은", "는")
_RIEUL = 8
# What may follow a noun whatever its last sound, or is fitting since the other noun ends in a like sound.
_TAILS = frozenset({
    *(form for forms in PARTICLES.values() for form in forms),
    "도", "만", "에", "에서", "에게", "한테", "께", "의", "까지", "부터", "보다", "처럼", "마다", "밖에", "하고",
    "에는", "에도", "에만", "에서는", "에서도", "한테는", "한테도", "까지는", "까지도", "부터는", "만큼", "때문에",
    "으로는", "로는", "으로도", "로도", "이라도", "라도", "이라서", "라서", "이라니", "라니", "이라면", "라면",
    "이라고", "라고", "이라는", "라는", "이네요", "네요", "이군요", "군요", "이었군요", "였군요", "이었어요",
    "였어요", "이었네요", "였네요", "이지요", "지요", "이죠", "죠", "이면", "면", "인데", "인데요", "인가요",
    "인가", "이었어", "였어",
})  # fmt: skip
# Nouns by their particles, and no names of things: what is said with them would be wrong with any other word.
_NO_THINGS = frozenset({
    "오늘", "내일", "어제", "모레", "지금", "아까", "이제", "요즘", "요새", "아침", "저녁", "새벽", "주말", "평일",
    "하루", "이틀", "사흘", "나흘", "올해", "작년", "내년", "다음", "이번", "저번", "지난번", "나중", "처음",
    "마지막", "먼저", "방금", "당장", "매일", "항상", "가끔", "우리", "저희", "너희", "자기", "본인", "누구",
    "누가", "아무", "모두", "전부", "다들", "서로", "혼자", "여기", "거기", "저기", "어디", "언제", "이거", "그거",
    "저거", "이것", "그것", "저것", "이게", "그게", "저게", "뭔가", "하나", "마음", "기분", "생각", "시간", "정도",
    "얘기", "이야기", "문제", "경우", "때문", "사람", "느낌", "동안", "자체", "자신", "이유", "사실", "진짜",
    "정말", "그냥", "얼마", "무엇", "조금", "거의", "제일", "가장", "그때", "이때", "앞뒤", "전체", "일부",
})  # fmt: skip
_WORD = re.compile(r"(?<![가-힣])[가-힣]{2,}")


@dataclass(frozen=True)
class Nouns:
    """Nouns of two syllables and more by how they end: in a vowel, in ㄹ, or in another consonant."""

    by_ending: dict[int, tuple[str, ...]]
    known: frozenset[str]

    @classmethod
    def of(cls, conversations: Iterable[Conversation]) -> Self:
        """The words of ``conversations`` that stand as objects and as subjects or topics, with the right particles."""
        objects, subjects = Counter[str](), Counter[str]()
        for conversation in conversations:
            for turn in conversation.turns:
                for word in _WORD.findall(turn):
                    stem, particle = word[:-1], word[-1]
                    if len(stem) < 2 or stem in _NO_THINGS:
                        continue
                    for counts, forms in ((objects, _OBJECT), (subjects, _SUBJECT)):
                        fitting = forms[::2] if final_consonant(stem) else forms[1::2]
                        counts[stem] += particle in fitting
        known = sorted(stem for stem in objects if min(objects[stem], subjects[stem]) >= _SEEN)
        by_ending = defaultdict[int, list[str]](list)
        for stem in known:
            by_ending[_ending(stem)].append(stem)
        return cls({ending: tuple(stems) for ending, stems in by_ending.items()}, frozenset(known))

    def another(self, noun: str, rng: random.Random) -> str:
        """One that every particle of ``noun`` fits; some are invented, as names are that nobody has met."""
        other = rng.choice(self.by_ending[_ending(noun)])
        if rng.random() < _INVENTED:
            beginning = rng.choice(self.by_ending[rng.choice(sorted(self.by_ending))])
            other = beginning[: len(beginning) // 2] + other[len(other) // 2 :]
        return other


def renamed(conversation: Conversation, nouns: Nouns, rng: random.Random) -> Conversation:
    """``conversation`` with one of the nouns that a reply takes up exchanged wherever it stands, if there is any."""
    taken_up = sorted(_taken_up(conversation.turns, nouns))
    if not taken_up:
        return conversation
    noun = rng.choice(taken_up)
    other = nouns.another(noun, rng)
    # Not one that is spoken of already: then there would be two of them.
    if any(other in turn for turn in conversation.turns):
        return conversation
    whole = re.compile(f"(?<![가-힣]){noun}")
    return replace(conversation, turns=tuple(whole.sub(other, turn) for turn in conversation.turns))


def _taken_up(turns: Sequence[str], nouns: Nouns) -> set[str]:
    """The nouns of a bot turn that stand in a user turn before it, and everywhere as nouns."""
    said, found = set[str](), set[str]()
    for index, turn in enumerate(turns):
        here = {noun for word in _WORD.findall(turn) if (noun := _noun(word, nouns))}
        if index % 2:
            found |= here & said
        else:
            said |= here
    words = [word for turn in turns for word in _WORD.findall(turn)]
    return {noun for noun in found if all(_noun(word, nouns) == noun for word in words if word.startswith(noun))}


def _noun(word: str, nouns: Nouns) -> str | None:
    """The noun that ``word`` is with its particle, the longest of those that it may be."""
    for length in range(len(word), 1, -1):
        stem, tail = word[:length], word[length:]
        if stem in nouns.known and (not tail or tail in _TAILS):
            return stem
    return None


def _ending(word: str) -> int:
    final = final_consonant(word)
    return final if final in (0, _RIEUL) else 1
