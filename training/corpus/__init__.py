"""Where conversations come from: our own corpus, the public sets, AI Hub's, and files of JSON lines."""

from training.corpus.aihub import read_aihub
from training.corpus.conversation import Conversation, CorpusError
from training.corpus.jsonlines import read_jsonlines
from training.corpus.own import Family, read_own
from training.corpus.public import read_public

__all__ = ["Conversation", "CorpusError", "Family", "read_aihub", "read_jsonlines", "read_own", "read_public"]
