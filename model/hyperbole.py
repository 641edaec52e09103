"""What dies in Korean all day and means nothing by it: taken out of a message before anybody asks whether it is grave.

Korean dies of hunger, heat and envy (배고파 죽겠다, 부러워 죽을 것 같아), of what is good (죽여준다), of nothing at all
(죽으나 사나). The grammar tells most of it: a verb of feeling with the ending -아/어, then 죽다 as what it has come to.
What is left, 배고파, says the same. Where the feeling may be grave itself (괴로워 죽겠다), nothing is taken out.
"""

import re

# Verbs that may stand before 죽겠다, by the syllable in which -아/어 has ended up; of some syllables only those that
# are no 나, 너, 따라, 오빠 or 진짜, which say who dies, after whom, or how.
_FELT = re.compile(
    "(?:(?<![았었했갔왔됐졌렸셨])어|설레|[여워와려러져쳐켜겨펴셔쪄해돼파퍼뻐커써]|(?<![살않])아|[말올놀몰졸]라|"
    "[화열신땀혼겁불새증]나|[바나]빠|(?<!진)짜|비싸|[숨벅]차|[애속목]타)$"
)
_GRAVE = re.compile(
    "(?:슬퍼|괴로워|외로워|우울해|불행해|비참해|허무해|공허해|지쳐|힘들어|그리워|불안해|스러워|없어|미안해|살아|아파)$"
)
_COME_TO = re.compile(
    r"(?P<felt>[가-힣]{1,8}?)(?P<since>서)? ?(?:진짜|정말|막|아주|그냥)? ?"
    r"[죽쥭](?:겠(?!다고|대|다 ?하)|것|겄|갔|을 ?(?:(?:거|것|꺼) ?같|지경|뻔|만큼|맛)|"
    r"는 ?줄|네|음(?![가-힣])|는다(?!고)|어(?![ 가-힣])|임)\S*"
)
_SAYINGS = re.compile(
    r"죽었다 ?깨어?나도|둘이 ?먹다가? ?하나가? ?죽어도 ?모를?|죽여 ?(?:주는|주네|준다|줌)|"
    r"(?<![을를])(?<![을를] )죽(?:인다|이네|이더라)|죽을 ?맛|죽상|죽치고|죽 ?쑤\S*|죽기 ?살기로|죽자 ?사자|죽자 ?살자|"
    r"죽으나 ?사나|죽네 ?사네|죽은 ?듯이? ?(?=자|잤|잘)|죽다 ?살아\S*|죽는 ?소리|죽도록|죽고 ?못 ?사\S*|"
    r"죽은 ?척\S*|죽자고 ?덤\S*|앓느니 ?죽\S*|"
    # Whoever is late is dead; who would have been dead long ago, or if nobody had come, is another matter.
    r"(?<=면)(?<!아니면)(?<!있으면)(?<![았었했갔왔됐졌렸셨쳤났없]으면)(?: (?!벌써|진작|이미)[가-힣]{1,3}){0,3} ?"
    r"죽었(?:다|어|음|네|지)(?![가-힣])|"
    r"(?<![을를나])(?<![을를나] )죽이는 ?(?=집|맛|곳|노래|음악|뷰|경치|날씨|비주얼|안주|국물|라면|향)|"
    r"죽을 ?힘(?:을 ?다|껏|으로)\S*|쥐 ?죽은 ?듯\S*|죽마고우\S*|죽어라고? ?(?=(?:말을? ?)?안 )|"
    r"숨이? ?죽(?:으면|여|이고|인)\S*|"
    r"(?<!자)기 ?죽\S*|풀이? ?죽\S*|(?:(?<=웃다가 )|(?<=웃다 ))죽\S*|눈에 ?흙이 ?들어\S*|"
    r"인생 ?끝났\S*(?=.{0,3}[ㅋㅎ]{2})|"
    r"(?<![가-힣])(?<![았었했갔왔됐졌렸셨쳤났없]으면 )(?:나|난|넌|너|니들|다들)(?: ?(?:이제|오늘|내일|진짜))? ?"
    r"죽었(?:다|어|음)(?![가-힣])"
)
# Who wants the ground to open, and laughs.
_ASHAMED = re.compile(
    r"((?:쪽팔|쪽 팔|창피|민망|부끄|오글|오그라|흑역사|수치).{0,14}?)"
    r"(?:죽|사라지|숨|없어지|증발하)고 ?싶\S*(?=.{0,20}[ㅋㅎ]{2})"
)


def without_hyperbole(message: str) -> str:
    """``message`` without what is only said so; as it is, if nothing else were left."""
    said = _COME_TO.sub(_feeling, _SAYINGS.sub("", _ASHAMED.sub(r"\1", message)))
    return said if said.strip() else message


def _feeling(found: re.Match[str]) -> str:
    felt = found["felt"]
    if _FELT.search(felt) and not _GRAVE.search(felt):
        return felt + (found["since"] or "")
    return found[0]
