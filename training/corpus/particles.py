"""Korean particles that change with the sound before them: 떡볶이가, 냉면이."""

# name: (after a final consonant, after a vowel)
PARTICLES = {
    "이": ("이", "가"),
    "은": ("은", "는"),
    "을": ("을", "를"),
    "과": ("과", "와"),
    "으로": ("으로", "로"),
    "이랑": ("이랑", "랑"),
    "이나": ("이나", "나"),
    "이라": ("이라", "라"),
    "이에요": ("이에요", "예요"),
    "이야": ("이야", "야"),
    "아": ("아", "야"),
}

_FIRST_SYLLABLE, _LAST_SYLLABLE, _FINALS, _RIEUL = 0xAC00, 0xD7A3, 28, 8
# 영 일 삼 육 칠 팔: the digits whose Korean reading ends in a consonant, and which consonant that is.
_DIGIT_FINAL = {"0": 21, "1": _RIEUL, "3": 16, "6": 1, "7": _RIEUL, "8": _RIEUL}


def final_consonant(word: str) -> int:
    """Number of the final consonant (받침) of ``word``'s last sound in Unicode's order; 0 where it ends in a vowel."""
    last = word.rstrip(")”\"' ")[-1:]
    if last and _FIRST_SYLLABLE <= ord(last) <= _LAST_SYLLABLE:
        return (ord(last) - _FIRST_SYLLABLE) % _FINALS
    return _DIGIT_FINAL.get(last, 0)


def with_particle(word: str, particle: str) -> str:
    """``word`` with the form of ``particle`` (a key of ``PARTICLES``) that fits its last sound."""
    after_consonant, after_vowel = PARTICLES[particle]
    final = final_consonant(word)
    # 으로 alone treats ㄹ like a vowel: 서울로.
    return word + (after_consonant if final and not (particle == "으로" and final == _RIEUL) else after_vowel)
