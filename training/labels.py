"""What the encoder's heads are told of a user's turn."""

from model.emotions import CODES
from training.corpus import Conversation

OWN_SOURCES = ("dialogues", "families")  # whose kinds are known: we wrote them
UNKNOWN = -1  # a turn from which a head learns nothing


def emotion_label(conversation: Conversation, exchange: int) -> int:
    """The class of the emotion of ``exchange`` (from 0), of ``model.emotions.CODES``; -1 where none is known.

    A conversation's emotion is that in which its first message is written; what comes later may be lighter already.
    """
    return CODES.index(conversation.emotion) if conversation.emotion and exchange == 0 else UNKNOWN


def crisis_label(conversation: Conversation, exchange: int) -> int:
    """1 where ``exchange`` (from 0) speaks of suicide or self-harm, 0 where it does not, -1 where nobody can say.

    Conversations of the kind crisis do so in their first message, and perhaps later on.
    """
    if conversation.source not in OWN_SOURCES:
        return UNKNOWN
    if conversation.kind == "crisis":
        return 1 if exchange == 0 else UNKNOWN
    return 0
