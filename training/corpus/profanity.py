"""Words that a companion does not say, and only those: 시발점, 새끼손가락 and 병신년 (丙申年) are good Korean."""

import re

_WORDS = re.compile(
    r"씨발|씨팔|(?<![가-힣])시팔|(?<![가-힣])시발(?![점역]|택시|자동차)|(?<![ㄱ-ㅎ])[ㅅㅆ]ㅂ(?![ㄱ-ㅎ])|(?<![ㄱ-ㅎ])ㅂㅅ(?![ㄱ-ㅎ])|ㅈㄹ|ㅈㄴ"
    r"|병신(?!년)|존나|좆|지랄|썅|씹새|씹년|씹할|니미럴|느금마|엠창|또라이|개자식|호로자식|화냥년|창녀"
    r"|미친\s?[놈년]|쌍[놈년]|입\s?닥[쳐치]"
    r"|(?:개|미친|호로|쌍|씹)\s?새끼|(?<![가-힣])[이저그]\s?새끼(?!\s*(?:손|발|고양|강아|곰|새|오리|돼지|줄|캥거루|사자|펭귄))"
)


def is_profane(text: str) -> bool:
    """Whether ``text`` holds a swear word; rather too few are found than a harmless word called one."""
    return _WORDS.search(text) is not None
