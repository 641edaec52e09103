"""What a command is told of is gathered, each corpus under its own licence."""

import json
from pathlib import Path

from tests.training.corpus.test_aihub import TALKS, as_json
from training.corpus.gathering import gather


def test_own_corpus_alone_is_what_there_is_by_default() -> None:
    gathering = gather()
    assert gathering.licences == {"own corpus": "CC BY 4.0"}
    assert len(gathering.conversations) >= 839 and len(gathering.families) >= 928
    assert not gathering.aihub


def test_every_corpus_keeps_its_licence(tmp_path: Path) -> None:
    # Whatever it is called, it is nothing of ours.
    mine, aihub = tmp_path / "dialogues.jsonl", tmp_path / "talk_Training.json"
    mine.write_text(json.dumps({"turns": ["안녕", "반가워요."]}, ensure_ascii=False) + "\n", encoding="utf-8")
    aihub.write_bytes(as_json(TALKS))
    gathering = gather(None, [mine], aihub)
    assert list(gathering.licences.values()) == [
        "CC BY 4.0", "the operator's own", "AI Hub terms: for the operator's own use",
    ]  # fmt: skip
    assert any("NIA" in name for name in gathering.licences)  # the source that its terms want named
    assert [talk.source for talk in gathering.conversations[-4:]] == ["data:dialogues", "aihub", "aihub", "aihub"]
    assert (gathering.aihub["conversations"], gathering.aihub["half_turns"]) == (3, 1)
