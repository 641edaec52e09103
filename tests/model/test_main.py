"""``python -m model`` as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path

from model.emotions import EMOTIONS, group_of


def run(*arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "model", *arguments], input=text, capture_output=True, text=True)


def test_info_of_the_original_preset() -> None:
    ran = run("info", "--preset", "original")
    assert json.loads(ran.stdout)["parameters"] == 41_606_908


def test_info_of_a_checkpoint(checkpoint_folder: Path) -> None:
    content = json.loads(run("info", "--checkpoint", str(checkpoint_folder)).stdout)
    assert content["card"] == {"name": "tiny"}
    assert len(content["checkpoint"]) == 12


def test_each_line_is_answered_by_one_line(checkpoint_folder: Path) -> None:
    lines = [{"turns": ["안녕"]}, {"turns": ["배고프다", "뭐 먹지", "고마워"]}]
    ran = run("reply", "--checkpoint", str(checkpoint_folder), text="\n".join(map(json.dumps, lines)) + "\n\n")
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(answers) == 2
    assert all(set(answer) == {"reply", "tokens", "score"} and answer["score"] <= 0 for answer in answers)


def test_the_emotion_comes_first(understanding_folder: Path) -> None:
    text = json.dumps({"turns": ["친구랑 싸웠어"]})
    ran = run("reply", "--emotion", "--checkpoint", str(understanding_folder), text=text)
    answer = json.loads(ran.stdout)
    assert list(answer) == ["emotion", "reply", "tokens", "score"]
    felt = answer["emotion"]
    assert felt["name"] == EMOTIONS[felt["code"]] and felt["group"] == group_of(felt["code"])
    assert 0 < felt["probability"] <= 1


def test_faults_are_one_line_and_exit_code_2(checkpoint_folder: Path, tmp_path: Path) -> None:
    here = str(checkpoint_folder)
    for ran, named in (
        (run("info", "--preset", "huge"), "huge"),
        (run("reply", "--checkpoint", str(tmp_path / "none")), "no checkpoint folder"),
        (run("reply", "--checkpoint", here, "--beam-size", "0"), "beam_size"),
        (run("reply", "--checkpoint", here, text='{"turns": ["안녕", "네"]}\n'), "line 1"),
        (run("reply", "--checkpoint", here, text="안녕\n"), "line 1"),
        (run("reply", "--checkpoint", here, "--emotion"), "heads.safetensors"),
    ):
        assert ran.returncode == 2
        assert ran.stderr.startswith("error: ")
        assert ran.stderr.count("\n") == 1
        assert named in ran.stderr
