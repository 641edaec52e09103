"""`python -m tests.loud FILE COMMAND …`: `python -m bot COMMAND …` with every library at its most talkative.

What the libraries would have said goes to FILE, to show that there was something to keep quiet about. A worker's engine
is `tests.service.Scripted`.
"""

import logging
import sys

import bot.worker
from bot.__main__ import main
from tests.service import Scripted

LIBRARIES = ("httpx", "httpcore", "telegram", "redis", "uvicorn", "asyncio")

if __name__ == "__main__":
    spoken = logging.FileHandler(sys.argv[1])
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.DEBUG)
        logging.getLogger(name).addHandler(spoken)
    bot.worker.load_engine = lambda *_: Scripted()  # type: ignore[assignment,return-value]
    del sys.argv[1]
    main()
