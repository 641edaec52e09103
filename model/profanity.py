"""Words that a companion does not say, and only those: 시발점, 새끼손가락 and 병신년 (丙申年) are good Korean.

The trainer takes nothing of them in, and the worker lets none of them out.
"""

import re
import unicodedata

_YOUNG = "손|발|고양|강아|곰|새|오리|돼지|토끼|물고기|줄|캥거루|사자|펭귄"  # what 새끼 is said of

_WORDS = re.compile(
    "씨+[이1ㅡ.]*[발팔빨]|(?<![가-힣])[시쉬]+[발팔](?![점역비]|택시|자동차)|ㅅㄲ|ㅈㄹ|ㅈㄴ"
    "|(?<![ㄱ-ㅎ])(?:[ㅅㅆ]ㅂ|ㅂㅅ)(?![ㄱ-ㅎ])"
    r"|[병븅빙]신(?!년)|존[나내]|좆|지랄|썅|쌍[놈년]|씹[새할창년]|미친\s?[놈년]|(?<![가-힣])[저그]년(?![가-힣])"
    r"|또라이|니미럴|니\s?[애에]미|느금|엠창|화냥년|창[녀년]|개자식|(?:호로|후레)\s?자식|입\s?닥[쳐치]"
    r"|(?<![가-힣])개(?:같은|(?:새|세끼|년|놈)(?![가-힣]))"
    rf"|(?:개|미친|호로|후레|쌍|씹)\s?새끼|(?<![가-힣])[이저그]\s?새끼(?!\s*(?:{_YOUNG}))|새끼(?:야|들아)|새꺄"
)


def is_profane(text: str) -> bool:
    """Whether ``text`` holds a swear word; rather too few are found than a harmless word called one."""
    return _WORDS.search(unicodedata.normalize("NFC", text)) is not None
