"""What no reply may hold, whatever the model makes of its corpus: profanity, and numbers and addresses of people.

A model that was trained on talk can repeat what stood in it, or make up a telephone number that is somebody's. The same
words are harmless where they mean something else (새끼 고양이, 시발점), so those are excepted.
"""

import re
import unicodedata

from model.profanity import is_profane

# Known to everybody, and in our corpus.
HELP_LINES = frozenset({"109", "112", "117", "119", "126", "129", "1350", "1366", "1388"})
_OFFICES = re.compile(r"(?<!\d)(?:1577-0199|1600-5500)(?!\d)")  # 정신건강상담, 신용회복위원회

# Not swearing, and nothing that a companion says to anybody: insults, and to die or to be silent.
_INSULTS = re.compile(
    "(?<![가-힣])[이저그] ?놈(?:아|들아)?(?![가-힣])|새끼가 (?:감히|뒤)|한남충|김치녀|된장녀|맘충|틀딱|짱깨|쪽바리|깜둥이|"
    "섹스|강간|[보자]지 ?(?:년|털|빨)|엿 ?먹|"
    "나가 ?죽|(?<![가-힣])죽어(?:라(?! ?(?:하|고))|버려)|자살해|뒈져|뒤져라|닥쳐라|닥치라"
)

_DATE = re.compile(r"(?:19|20)\d\d ?[-./] ?\d{1,2} ?[-./] ?\d{1,2}(?!\d)")
# Eight digits and more, however they are parted: telephones, accounts, cards, resident numbers.
_NUMBER = re.compile(r"\d(?:[-. ()]{0,2}\d){7,}|[공영일이삼사오육칠팔구](?:[- ]?[공영일이삼사오육칠팔구]){8,}|공일공")
_LINE = re.compile(
    r"(?:전화|상담|번호|콜센터|핫라인|신고)\S{0,4} ?(?<!\d)(\d{3,4})(?![\d가-힣]*[원년월일시분개명번째살]|\d)"
)
_MAIL = re.compile(r"[\w.+-]+ ?@ ?[\w-]+\.\w{2,}")


def may_leave(text: str) -> bool:
    """Whether ``text``, a reply before names are filled in, holds neither profanity nor personal data."""
    if is_profane(text) or _INSULTS.search(unicodedata.normalize("NFC", text)):
        return False
    # Full-width digits too; only here, since NFKC makes ㅅㅂ letters of another kind.
    plain = _OFFICES.sub(" ", unicodedata.normalize("NFKC", text))
    if _MAIL.search(plain) or _NUMBER.search(_DATE.sub(" ", plain)):
        return False
    return all(found[1] in HELP_LINES for found in _LINE.finditer(plain))
