"""Our own corpus: its two formats, and whether what is written can be read."""

import json
import random
import re
from pathlib import Path

import pytest

from training.corpus import CorpusError, read_own
from training.corpus.messages import read_messages
from training.corpus.own import OWN, fill

FAMILY = {
    "id": "f1", "kind": "smalltalk", "emotion": None,
    "slots": {"F": ["떡볶이", "냉면"], "P": [{"u": "딸", "b": "따님"}, {"u": "엄마", "b": "어머니"}]},
    "user": ["{P.u:이} {F} 먹고 싶대"], "bot": ["{P.b:이} 드시고 싶은 {F:을} 같이 드셔도 좋겠어요."],
    "next": {"user": ["근데 비싸"], "bot": ["{F:은} 좋은데 값이 얄밉네요."]},
}  # fmt: skip


def write(folder: Path, record: dict[str, object], name: str = "families-x.jsonl") -> Path:
    (folder / name).write_text(json.dumps(record, ensure_ascii=False) + "\n", encoding="utf-8")
    return folder


def test_one_filler_serves_the_whole_conversation(tmp_path: Path) -> None:
    _, [family] = read_own(write(tmp_path, FAMILY))
    seen = {family.draw(random.Random(seed)).turns for seed in range(40)}
    assert seen == {
        ("딸이 떡볶이 먹고 싶대", "따님이 드시고 싶은 떡볶이를 같이 드셔도 좋겠어요.", "근데 비싸", "떡볶이는 좋은데 값이 얄밉네요."),
        ("딸이 냉면 먹고 싶대", "따님이 드시고 싶은 냉면을 같이 드셔도 좋겠어요.", "근데 비싸", "냉면은 좋은데 값이 얄밉네요."),
        ("엄마가 떡볶이 먹고 싶대", "어머니가 드시고 싶은 떡볶이를 같이 드셔도 좋겠어요.", "근데 비싸", "떡볶이는 좋은데 값이 얄밉네요."),
        ("엄마가 냉면 먹고 싶대", "어머니가 드시고 싶은 냉면을 같이 드셔도 좋겠어요.", "근데 비싸", "냉면은 좋은데 값이 얄밉네요."),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"user": ["{X} 먹자"]}, "slot X"),
        ({"user": ["{P} 먹자"]}, r"\.u or \.b"),
        ({"user": ["{F.u} 먹자"]}, r"\.u or \.b"),
        ({"bot": ["{F:께서} 좋아요."]}, "께서"),
        ({"bot": None}, "not a family"),
        ({"bot": []}, "without user or bot patterns"),
        ({"slots": {**FAMILY["slots"], "F": []}}, "slot F has no filler"),
        ({"slots": {**FAMILY["slots"], "P": [{"u": "딸"}]}}, "lacks u or b"),
    ],
)
def test_a_fault_is_named_with_its_line(tmp_path: Path, change: dict[str, object], named: str) -> None:
    with pytest.raises(CorpusError, match=named) as caught:
        read_own(write(tmp_path, {**FAMILY, **change}))
    assert "families-x.jsonl:1" in str(caught.value)


def test_a_dialogue_without_a_bot_turn_is_named(tmp_path: Path) -> None:
    record = {"id": "d1", "kind": "smalltalk", "turns": [{"user": "안녕"}]}
    with pytest.raises(CorpusError, match=r"dialogues-x\.jsonl:1: not a dialogue"):
        read_own(write(tmp_path, record, "dialogues-x.jsonl"))


def test_a_folder_without_a_corpus_is_named(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no dialogues-"):
        read_own(tmp_path / "typo")


def test_a_digit_takes_the_particle_of_its_reading() -> None:
    assert fill("{N:을} 먹고", {"N": "3"}) == "3을 먹고"


def test_what_ships_is_whole_and_the_readme_counts_it() -> None:
    dialogues, families = read_own()
    counts = {"dialogues": len(dialogues), "families": len(families), "messages": len(read_messages())}
    told = (OWN.parent / "README.md").read_text("utf-8")
    for name, count in counts.items():
        assert f"| `own/{name}-*.jsonl` | {count:,} {name}" in told
    names = [dialogue.name for dialogue in dialogues] + [family.id for family in families]
    assert len(names) == len(set(names))


def test_dialogues_that_tell_one_story_are_one_group(tmp_path: Path) -> None:
    talk = {"kind": "smalltalk", "emotion": None, "turns": [{"user": "붙었어", "bot": "축하해요."}]}
    for name, story in (("a", "R-1"), ("b", "R-1"), ("c", None)):
        record = {**talk, "id": f"R-1{name}", **({"story": story} if story else {})}
        write(tmp_path, record, f"dialogues-{name}.jsonl")
    first, second, third = read_own(tmp_path)[0]
    assert first.group == second.group != third.group
    assert [first.name, second.name] == ["R-1a", "R-1b"]


def test_every_reply_that_ships_is_polite_and_has_no_slot_left() -> None:
    dialogues, families = read_own()
    rng = random.Random(0)
    polite = re.compile(r"(요|다|죠|까)[.!?]\"?$")
    for conversation in [*dialogues, *(family.draw(rng) for family in families for _ in range(3))]:
        for turn in conversation.turns:
            assert turn.strip()
            assert not re.search(r"[{}]", turn), turn
        for reply in conversation.turns[1::2]:
            assert polite.search(reply), reply
            assert len(reply) <= 130, reply
            assert not re.search(r"[~ㅋㅎㅠㅜ]", reply), reply
