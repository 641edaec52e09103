"""What smoke.sh has users say, and how it looks at what they got. Runs in the stand-in's container; no library needed.

python smoke.py say N        N messages of 200 chats, a few at a time
python smoke.py sent         how many messages have been sent to all of them
python smoke.py check KILLS  the gateways' logs (standard input) held against what was said and sent, in a line
"""

import json
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

HOST = "http://127.0.0.1:8081/test"
SAID = Path("/tmp/said.jsonl")  # noqa: S108 - of this container
CHATS = 200
A_SECOND = 40  # messages; more than Telegram lets out, so that some wait


def call(what: str, body: object = None) -> Any:  # noqa: ANN401
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"{HOST}/{what}", data), timeout=30) as answer:  # noqa: S310
        return json.load(answer)


def say(messages: int) -> None:
    with SAID.open("a") as said:
        for start in range(0, messages, A_SECOND // 4):
            numbers = range(start, min(start + A_SECOND // 4, messages))
            talk = [[1000 + (start * 7 + number) % CHATS, f"{number}번째로 하는 이야기야"] for number in numbers]
            ids = call("updates", talk)
            said.writelines(json.dumps([update, chat]) + "\n" for update, (chat, _) in zip(ids, talk, strict=True))
            time.sleep(0.25)


def check(lines: list[str], kills: int) -> str:
    """Faults, or what was well."""
    asked = dict(map(json.loads, SAID.read_text().splitlines()))
    delivered = [
        list(map(int, line["origins"]))
        # Compose writes marks for terminals before some lines.
        for line in (json.loads(line[line.index("{") :]) for line in lines if '"event": "delivered"' in line)
    ]
    count = Counter(update for turn in delivered for update in turn)
    lost = [update for update in asked if not count[update]]
    latest: dict[int, int] = {}
    reordered = 0
    for update in (update for turn in delivered for update in turn if update in asked):
        reordered += update < latest.get(asked[update], 0)
        latest[asked[update]] = max(update, latest.get(asked[update], 0))
    again = len(call("sent")) - len(delivered)  # sent by a gateway that was killed before it could note it
    twice = sum(times > 1 for times in count.values())
    line = (
        f"{len(asked)} messages, {len(delivered)} replies: {len(lost)} lost, {reordered} reordered, "
        f"{twice} noted twice, {again} sent again after {kills} kills"
    )
    if lost or reordered or twice or again < 0 or again > 10 * kills:
        raise SystemExit(f"FAILED: {line}")
    return line


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["say", messages]:
            say(int(messages))
        case ["check", kills]:
            print(check(sys.stdin.read().splitlines(), int(kills)))
        case ["sent"]:
            print(len(call("sent")))
        case _:
            raise SystemExit(__doc__)
