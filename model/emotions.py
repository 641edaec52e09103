"""The sixty emotions that the encoder's head tells apart: those of AI Hub's 감성대화 말뭉치, in six groups of ten."""

# The first of each row names the whole group; its number is the first digit of the ten codes.
_GROUPS = (
    "분노 툴툴대는 좌절한 짜증내는 방어적인 악의적인 안달하는 구역질_나는 노여워하는 성가신",
    "슬픔 실망한 비통한 후회되는 우울한 마비된 염세적인 눈물이_나는 낙담한 환멸을_느끼는",
    "불안 두려운 스트레스_받는 취약한 혼란스러운 당혹스러운 회의적인 걱정스러운 조심스러운 초조한",
    "상처 질투하는 배신당한 고립된 충격_받은 가난한,_불우한 희생된 억울한 괴로워하는 버려진",
    "당황 고립된(당황한) 남의_시선을_의식하는 외로운 열등감 죄책감의 부끄러운 혐오스러운 한심한 혼란스러운(당황한)",
    "기쁨 감사하는 신뢰하는 편안한 만족스러운 흥분 느긋 안도 신이_난 자신하는",
)
EMOTIONS = {
    f"E{group}{number}": name.replace("_", " ")
    for group, names in enumerate(_GROUPS, 1)
    for number, name in enumerate(names.split())
}
# A class of the head is a place in this order, and ``class // 10`` its group.
CODES = tuple(EMOTIONS)
GROUPS = tuple(names.split()[0] for names in _GROUPS)


def group_of(code: str) -> str:
    """The one of six emotions to which ``code`` belongs: E47 -> 상처."""
    return EMOTIONS[code[:2] + "0"]
