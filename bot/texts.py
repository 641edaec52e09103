"""Every fixed sentence that users read, in one place."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

COMMANDS: Mapping[str, str] = {
    "start": "인사 나누기",
    "help": "할 수 있는 일 보기",
    "who": "제가 누구인지 알아보기",
    "reset": "나눈 이야기를 잊고 새로 시작하기",
    "forget": "저장된 것을 모두 지우기",
    "privacy": "무엇을 얼마나 보관하는지 보기",
}

RESET = "지금까지 나눈 이야기는 잊었어요. 처음부터 다시 이야기해요!"
FORGET = "이 대화에서 저장해 둔 것을 모두 지웠어요. 다음에 말을 걸어 주시면 처음 뵙는 마음으로 이야기할게요."
UNKNOWN_COMMAND = "그건 제가 모르는 명령이에요. /help 를 보내시면 무엇을 할 수 있는지 알려 드릴게요."
CALLED = "네, 부르셨어요? 저를 부르면서 하고 싶은 말씀도 같이 적어 주세요."

APOLOGY = "죄송해요, 이번 말씀에는 답을 쓰지 못했어요. 조금 바꿔서 다시 말씀해 주시겠어요?"
LOST = "죄송해요, 문제가 생겨서 방금 보내신 말씀을 잃어버린 것 같아요. 답이 오지 않으면 한 번만 더 보내 주시겠어요?"
WITHHELD = "떠오른 말이 드리기에 알맞지 않아서 접어 두었어요. 조금 다르게 말씀해 주시겠어요?"
BACKLOG_FULL = "지금은 이야기하러 오신 분이 많아서 방금 글을 받지 못했어요. 잠시 뒤에 다시 보내 주시겠어요?"
MAILBOX_FULL = (
    "앞서 보내신 말씀에 아직 답을 쓰고 있어서 방금 글은 받지 못했어요. 답을 받으신 다음에 다시 보내 주시겠어요?"
)

LIMITED = "잠깐 사이에 글이 너무 많이 와서 제가 따라 읽지 못했어요. 조금 쉬었다가 다시 보내 주시겠어요?"

# Who may talk
REFUSED_GROUP = "죄송해요, 이 모임에서는 초대받은 분하고만 이야기할 수 있어요."
REFUSED_CRISIS = (
    "말해 주셔서 고마워요. 저는 초대받은 분하고만 이야기할 수 있지만, 그 말씀은 그냥 넘길 수 없어요.\n"
    "자살예방 상담전화 109는 24시간 언제든 받아요. 가까운 분이 걱정되어 거셔도 돼요. "
    "다친 사람이 있거나 당장 위험하면 119에 먼저 전화해 주세요."
)
WRONG_CODE = "초대 코드가 맞지 않아요. 받으신 코드를 다시 한번 확인해 주시겠어요?"
TOO_MANY_CODES = "초대 코드를 여러 번 잘못 적으셨어요. 한 시간쯤 뒤에 다시 적어 주세요."
CODE_FORGOTTEN = "다시 이야기하시려면 /start 뒤에 초대 코드를 적어 보내 주세요."
REMOVE_USAGE = "/remove 뒤에 내보낼 분의 번호를 적어 주세요. 번호는 /members 를 보내시면 볼 수 있어요."

# Beneath the picture that admins get
STATS_PICTURE = (
    "지난 24시간을 한 시간씩 그렸어요. 아래 숫자는 시각(한국 시간)이에요.\n"
    "위: 받은 글(파랑)과 받지 못한 글(빨강)의 수\n"
    "아래: 답까지 걸린 시간, 중간값 p50(진한 초록)과 p95(옅은 초록)"
)

# One after the other while danger lasts. Each ends with a question to which "no" means danger (see bot.crisis).
CRISIS = (
    (
        "말해 주셔서 고마워요. 그 말씀, 가볍게 넘기지 않을게요.\n"
        "자살예방 상담전화 109는 24시간 언제든 받아요. 가까운 분이 걱정되어 거셔도 돼요. "
        "다친 사람이 있거나 당장 위험하면 119에 먼저 전화해 주세요.\n"
        "지금 안전한 곳에 계신가요?"
    ),
    (
        "많이 힘드실 텐데 다시 말씀해 주셔서 고마워요. 지금은 혼자 버티지 않으셨으면 해요.\n"
        "위험한 물건이나 장소에서 떨어져서, 자살예방 상담전화 109(24시간)에 전화해 주세요. 당장 급하면 119예요. "
        '첫마디는 "도와주세요" 한마디면 충분해요.\n'
        "지금 전화하실 수 있나요?"
    ),
    (
        "저는 사람이 아니라서 곁으로 가 드리지 못해요. 그래서 곁에 있어 줄 사람이 꼭 필요해요.\n"
        '가족이나 친구에게 "지금 와 줘"라고 보내 주세요. 자살예방 상담전화 109는 24시간, 119도 언제든 받아요.\n'
        "지금 곁에 와 줄 사람이 있나요?"
    ),
)
REMINDER = "마음이 다시 무거워지면 자살예방 상담전화 109에 24시간 언제든 전화하실 수 있어요."

_MEDIA: Mapping[str, str] = {
    "photo": "사진은 아직 볼 줄 몰라요. 어떤 사진인지 글로 들려주시겠어요?",
    "sticker": "스티커에 담긴 마음은 아직 읽지 못해요. 글로 말씀해 주시면 잘 들을게요!",
    "voice": "목소리는 아직 알아듣지 못해요. 글로 적어 주시겠어요?",
    "video": "영상은 아직 볼 줄 몰라요. 어떤 내용인지 글로 들려주시겠어요?",
    "location": "위치는 아직 볼 줄 몰라요. 어디에 계신지 글로 들려주시겠어요?",
}
_ALIKE = {"live_photo": "photo", "audio": "voice", "video_note": "video", "animation": "video", "venue": "location"}
_OTHER_MEDIA = "저는 아직 글만 읽을 줄 알아요. 하고 싶은 말씀을 글로 적어 주시겠어요?"

# The console
YOU = "나"
WRITING = "…"
TOKENLESS = "텔레그램 토큰(MALBEOT_TELEGRAM_TOKEN)이 없어서 이 터미널에서 이야기해요."


def start(owner: str, bot_name: str) -> str:
    return (
        f"안녕하세요! 저는 {owner}님의 챗봇 {bot_name}{copula(bot_name)}.\n"
        "오늘 있었던 일도, 마음에 걸리는 일도 편하게 들려주세요. 몇 줄로 나눠 보내셔도 함께 읽고 답해 드려요.\n\n"
        "무엇을 할 수 있는지 궁금하시면 /help 를 보내 주세요."
    )


def console(bot_name: str) -> str:
    return f"{bot_name}에게 하고 싶은 말을 적어 보세요. 명령은 /help 로 볼 수 있고, Ctrl-D 를 누르면 끝나요."


def help_text() -> str:
    menu = "\n".join(f"/{command} - {description}" for command, description in COMMANDS.items() if command != "start")
    return f"그냥 말을 걸어 주시면 돼요. 이런 명령도 알아들어요.\n\n{menu}"


def who(owner: str, bot_name: str, facts: str | None) -> str:
    """`facts` describes the checkpoint, as `bot.about` words it."""
    lines = [
        f"저는 {owner}님의 챗봇 {bot_name}{copula(bot_name)}.",
        "사람이 아니라, 대화를 보고 배운 트랜스포머 모델이 답을 써요.",
        "아는 것이 많지 않고 틀린 말을 할 때도 있지만, 이야기는 언제든 들어 드릴게요.",
    ]
    return "\n".join(lines) + (f"\n\n{facts}" if facts else "")


def refused(person: int, *, by_code: bool) -> str:
    """To who may not talk, in private: how they could come in. The number is what the operator's list would hold."""
    how = (
        "초대 코드가 있으시면 /start 뒤에 한 칸 띄우고 적어 보내 주세요."
        if by_code
        else f"이야기하고 싶으시면 운영하는 분에게 이 번호를 알려 주세요: {person}"
    )
    return f"죄송해요, 저는 초대받은 분하고만 이야기할 수 있어요. {how}"


def members(shown: Sequence[tuple[str, int]], total: int) -> str:
    """To an admin: who came in by the code, as (id, seconds since the epoch), and how many they are in all."""
    if not total:
        return "초대 코드로 들어온 분이 아직 없어요."
    lines = [f"{person} ({datetime.fromtimestamp(since, UTC):%Y-%m-%d}부터)" for person, since in shown]
    more = [f"그 밖에 {total - len(shown)}명"] if total > len(shown) else []
    return "\n".join(
        [f"초대 코드로 들어온 분은 {total}명이에요. 내보내려면 /remove 뒤에 번호를 적어 주세요.", *lines, *more]
    )


def removed(person: str, *, listed: bool) -> str:
    """To an admin; `listed`: the settings let the person in all the same."""
    if listed:
        return f"{person}번은 설정(MALBEOT_ALLOWED, MALBEOT_ADMINS)에 적혀 있어서 거기에서도 지우셔야 해요."
    return (
        f"{person}번은 이제 초대 명단에 없어요. 코드를 아는 분은 다시 들어올 수 있으니, 막으시려면 코드도 바꿔 주세요."
    )


def stats(
    accepted: int,
    replies: int,
    refused: int,
    *,
    waits: tuple[float | None, float | None],
    backlog: int,
    oldest: float,
    workers: int,
) -> str:
    """To an admin: today's counts, the seconds of p50 and p95, what waits now, for how many seconds, and who works."""
    median, slow = waits
    if median is None or slow is None:
        took = "아직 나간 답이 없어서 답까지 걸린 시간은 알 수 없어요."
    else:
        last = _seconds(slow)
        took = f"답까지 걸린 시간은 중간값(p50)이 {_seconds(median)}, p95가 {last}{copula(last)}."
    waits_now = (
        f"글 {backlog}개가 답을 기다려요(가장 오래된 글은 {_seconds(oldest)}째)" if backlog else "기다리는 글이 없어요"
    )
    works_now = f"일하는 워커는 {workers}개예요" if workers else "그런데 일하는 워커가 하나도 없어요"
    return "\n".join(
        [
            f"오늘 0시(한국 시간)부터 글 {accepted}개를 받았어요.",
            f"답은 {replies}개가 나갔어요.",
            took,
            f"받지 못하고 돌려보낸 글은 {refused}개예요." if refused else "받지 못한 글은 없어요.",
            f"지금 {waits_now}. {works_now}.",
        ]
    )


def _seconds(seconds: float) -> str:
    if seconds >= 600:  # what is counted goes no further
        return "10분 이상"
    return f"{seconds:.1f}초" if seconds < 10 else f"{seconds:.0f}초"


def privacy(exchanges: int, ttl: int, *, by_code: bool = False) -> str:
    """What is kept and for how long: the last `exchanges` for `ttl` seconds; `by_code`: there is an invite code.

    Must stay true to `bot.mailbox`.
    """
    member = "• 초대 코드로 들어오셨다면 그 사실을 /forget 을 보내시거나 운영자가 지울 때까지 적어 둬요.\n" * by_code
    if exchanges:
        kept = (
            f"• 이야기를 이어 가려고 최근에 주고받은 대화 {exchanges}번까지를 보관하고, "
            f"마지막으로 이야기한 뒤 {elapsed(ttl)} 저절로 지워요."
        )
    else:
        kept = "• 주고받은 말은 답을 드리고 나면 보관하지 않아요."
    return f"""\
대화를 어떻게 다루는지 알려 드릴게요.

{kept}
• 답을 기다리는 글과 아직 보내 드리지 못한 답은 그동안만 보관해요. \
끝내 답을 쓰지 못한 글은 운영자가 까닭을 살펴볼 수 있게 30일 동안 남겨 둔 뒤 지워요.
• 보관하는 곳은 이 챗봇을 운영하는 사람의 서버(Redis)예요. 운영자는 보관된 글을 읽을 수 있어요. \
서버가 일한 기록(로그)에는 글도, 어느 대화인지도 적지 않아요.
{member}\
• 한꺼번에 너무 많이 오는 글을 막으려고 횟수를 세요. 누구인지 알아볼 수 없게 적고 길어도 한 시간이면 지워요.
• 한 시간에 글이 몇 개 오갔고 답이 얼마나 걸렸는지 세어 이틀 동안 적어 둬요. 누구의 글인지는 적지 않아요.
• 같은 글에 두 번 답하지 않으려고 글의 번호를 이틀 동안 적어 둬요. 누가 쓴 어떤 글인지는 적지 않아요.
• /forget 을 보내시면 이 대화에서 보관하던 것을 바로 모두 지워요. 서버의 저장 파일에서는 다음에 정리할 때 사라져요. \
대화방에 보이는 글은 남아 있으니 직접 지워 주세요."""


def media(kind: str) -> str:
    """The answer to a message that is no text, by its kind in the Bot API."""
    return _MEDIA.get(_ALIKE.get(kind, kind), _OTHER_MEDIA)


def copula(name: str) -> str:
    """이에요 after a final consonant, 예요 after a vowel; after other scripts the one that reads well for most."""
    last = ord(name[-1])
    ends_in_vowel = 0xAC00 <= last <= 0xD7A3 and (last - 0xAC00) % 28 == 0
    return "예요" if ends_in_vowel else "이에요"


def elapsed(seconds: int) -> str:
    """When `seconds` have passed, in the largest unit that says it in a whole number."""
    if seconds == 86400:
        return "하루가 지나면"
    for unit, name in ((86400, "일"), (3600, "시간"), (60, "분")):
        if seconds % unit == 0:
            return f"{seconds // unit}{name}이 지나면"
    return f"{seconds}초가 지나면"
