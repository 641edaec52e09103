"""What the encoder's heads are told of a user's turn."""

import re
from dataclasses import dataclass

from model.emotions import CODES
from training.corpus import Conversation

OWN_SOURCES = ("dialogues", "families")  # whose kinds are known: we wrote them
UNKNOWN = -1  # a turn from which a head learns nothing


@dataclass(frozen=True)
class Labelled:
    """A message with the class of its emotion, and 1 or 0 for each of the two questions; -1 where nobody knows."""

    text: str
    emotion: int
    crisis: int
    identity: int = UNKNOWN


# What a turn that nobody has labelled may have in it if it speaks of suicide or self-harm; most that have it do not.
_PERHAPS = re.compile("죽|자살|자해|유서|목숨|뛰어 ?내|사라지|없어지|살기 ?싫|살고 ?싶|태어나|손목|한강|옥상")

# The same of a turn that may ask who the bot is.
_PERHAPS_ASKS = re.compile("너|넌|니가|네가|당신|이름|누구|사람|로봇|인공지능|챗봇|정체|만[든들]")
_NAME = re.compile("<owner>|<bot>")


def emotion_label(conversation: Conversation, exchange: int) -> int:
    """The class of the emotion of ``exchange`` (from 0), of ``model.emotions.CODES``; -1 where none is known.

    A conversation's emotion is that in which its first message is written; what comes later may be lighter already.
    """
    return CODES.index(conversation.emotion) if conversation.emotion and exchange == 0 else UNKNOWN


def identity_label(conversation: Conversation, exchange: int) -> int:
    """1 where ``exchange`` (from 0) asks who or what the bot is, 0 where it does not, -1 where nobody can say.

    A conversation of the kind identity asks in its first message, if the bot answers with a name. Other people's
    corpora tell no kind: of theirs only a turn without any word of the matter is known.
    """
    turn, reply = (conversation.turns[conversation.context + 2 * exchange + side] for side in (0, 1))
    if conversation.source not in OWN_SOURCES:
        return UNKNOWN if _PERHAPS_ASKS.search(turn) else 0
    if conversation.kind == "identity":
        return 1 if exchange == 0 and _NAME.search(reply) else UNKNOWN
    return UNKNOWN if _NAME.search(reply) else 0


def crisis_label(conversation: Conversation, exchange: int) -> int:
    """1 where ``exchange`` (from 0) speaks of suicide or self-harm, 0 where it does not, -1 where nobody can say.

    Conversations of the kind crisis do so in their first message, and perhaps later on. Other people's corpora tell no
    kind; a turn of theirs without any word of the matter is taken for ordinary talk, of which a head needs to see much.
    """
    if conversation.source not in OWN_SOURCES:
        return UNKNOWN if _PERHAPS.search(conversation.turns[conversation.context + 2 * exchange]) else 0
    if conversation.kind == "crisis":
        return 1 if exchange == 0 else UNKNOWN
    return 0
