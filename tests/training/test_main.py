"""``python -m training`` as a user runs it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from model.checkpoint import PRETRAINED


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "training", *arguments], capture_output=True, text=True)


def test_evaluate_prints_the_figures_of_a_file(tmp_path: Path) -> None:
    data = tmp_path / "talk.jsonl"
    talk = {"turns": ["안녕", "안녕하세요, 반가워요.", "너는 누구니?", "저는 <owner>님이 만든 챗봇이에요."]}
    data.write_text(json.dumps(talk, ensure_ascii=False) + "\n", encoding="utf-8")
    every = json.loads(run("evaluate", "--checkpoint", str(PRETRAINED), "--data", str(data)).stdout)
    last = json.loads(run("evaluate", "--checkpoint", str(PRETRAINED), "--data", str(data), "--last-turn-only").stdout)
    assert (every["examples"], last["examples"]) == (2, 1)
    assert {"loss", "accuracy", "bits_per_character"} <= set(every)
    assert 0 < last["loss"] < 10


def test_faults_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.jsonl"
    wrong.write_text("{}\n")
    for ran in (
        run("evaluate", "--checkpoint", str(tmp_path), "--data", str(wrong)),
        run("evaluate", "--checkpoint", str(PRETRAINED), "--data", str(wrong)),
        run("train", "--out", str(tmp_path / "run"), "--public", str(tmp_path)),
    ):
        assert ran.returncode == 2
        assert ran.stderr.strip().splitlines()[-1].startswith("error: ")
        assert "Traceback" not in ran.stderr


def test_split_writes_what_was_held_out(tmp_path: Path) -> None:
    ran = run("split", "--out", str(tmp_path))
    assert ran.returncode == 0
    lines = (tmp_path / "test-dialogues.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) > 10
    assert all(len(json.loads(line)["turns"]) >= 2 for line in lines)


def test_corpora_are_shown_with_what_they_may_be_used_for(tmp_path: Path) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_text('{"turns": ["안녕", "반가워요."]}\n', encoding="utf-8")
    ran = run("corpora", "--data", str(mine))
    assert ran.returncode == 0
    assert "CC BY 4.0" in ran.stdout and "families" in ran.stdout
    assert "the operator's own" in ran.stdout
    missing = run("corpora", "--aihub", str(tmp_path / "none"))
    assert (missing.returncode, missing.stderr.count("\n")) == (2, 1)


def test_check_names_every_slip_and_the_record_it_stands_in(tmp_path: Path) -> None:
    talk = {
        "id": "D-1", "kind": "smalltalk", "emotion": None, "situation": None, "age": "청년", "gender": "여성",
        "turns": [{"user": "안녕", "bot": "안녕, 반가워"}],
    }  # fmt: skip
    (tmp_path / "dialogues-mine.jsonl").write_text(json.dumps(talk, ensure_ascii=False), "utf-8")
    ran = run("check", "--folder", str(tmp_path))
    assert ran.returncode == 1
    assert "D-1: not a polite ending: 안녕, 반가워" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("1 dialogues, 0 families")


def test_heads_are_taught_only_where_there_are_some(tmp_path: Path) -> None:
    bare = shutil.copytree(PRETRAINED, tmp_path / "bare")
    (bare / "heads.safetensors").unlink()
    ran = run("heads", str(bare))
    assert ran.returncode == 2
    assert "no heads" in ran.stderr and "Traceback" not in ran.stderr


def test_a_run_that_no_plan_or_recipe_has_is_refused(tmp_path: Path) -> None:
    recipe = tmp_path / "mine.toml"
    recipe.write_text("topic_changes = 2.0")
    refused = run("train", "--out", str(tmp_path / "run"), "--recipe", str(recipe))
    assert refused.returncode == 2
    # TensorFlow may have said before what the processor is good at.
    assert refused.stderr.splitlines()[-1] == f"error: {recipe}: topic_changes is a share, from 0 to 1"
    unknown = run("ablate", "--out", str(tmp_path / "runs"), "--only", "no such run")
    assert unknown.returncode == 2
    assert "the plan has no such run" in unknown.stderr
