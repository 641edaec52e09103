"""The page tells nothing of whose reply is whose; the key tells all."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from model.checkpoint import PRETRAINED
from training.compare import Comparison, compare, read_prompts
from training.corpus import CorpusError
from training.votes import count_votes

PROMPTS = [[f"{number}번째 이야기"] for number in range(40)]
KIND = [f"{number}번째 이야기를 들려주세요." for number in range(40)]
CURT = [f"네, {number}번이요." for number in range(39)] + [KIND[39]]


def compared(seed: int = 0) -> Comparison:
    return compare(PROMPTS, KIND, CURT, names=("runs/kind", "runs/curt"), seed=seed)


def content(page: str) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL)[1])
    return data


def test_the_key_says_whose_side_is_whose() -> None:
    comparison = compared()
    pairs = content(comparison.page)["pairs"]
    for number, (pair, left) in enumerate(zip(pairs, comparison.key["left"], strict=True)):
        sides = (KIND[number], CURT[number]) if left == "a" else (CURT[number], KIND[number])
        assert (pair["left"], pair["right"]) == sides
        assert pair["turns"] == PROMPTS[number]
    assert {"a", "b"} == set(comparison.key["left"])


def test_the_page_tells_neither_names_nor_sides_and_asks_no_other_address() -> None:
    page = compared().page
    assert "runs/" not in page
    assert set(content(page)) == {"page", "pairs"}
    assert not re.search(r"https?:|//[a-z]|@import|url\(|src=|href=\"", page)


def test_equal_replies_are_not_asked_about_but_counted() -> None:
    comparison = compared()
    assert comparison.asked == len(content(comparison.page)["pairs"]) == 39
    assert comparison.key["identical"] == 1


def test_sides_are_drawn_by_the_seed() -> None:
    assert compared() == compared()
    assert compared(1).key["left"] != compared().key["left"]
    assert compared(1).key["page"] != compared().key["page"]


def test_a_text_cannot_end_the_script() -> None:
    comparison = compare([["</script>"]], ["<b>"], ["<i>"], names=("a", "b"), seed=0)
    assert content(comparison.page)["pairs"][0]["turns"] == ["</script>"]


def test_votes_for_one_checkpoint_are_counted_for_it_on_either_side() -> None:
    comparison = compared()
    votes = {str(index): "left" if side == "b" else "right" for index, side in enumerate(comparison.key["left"][:10])}
    counted = count_votes({"page": comparison.key["page"], "votes": votes | {"10": "same"}}, comparison.key)
    assert (counted["a"]["better"], counted["b"]["better"], counted["same"]) == (0, 10, 1)
    assert counted["b"]["checkpoint"] == "runs/curt"
    assert (counted["not_voted"], counted["identical"]) == (28, 1)


def test_prompts_end_with_the_user(tmp_path: Path) -> None:
    path = tmp_path / "prompts.jsonl"
    lines = [{"turns": ["안녕"]}, {"turns": ["배고파", "밥 드세요."]}, {"turns": ["추워", "따뜻한 차 어때요?", "좋아"]}]
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines), encoding="utf-8")
    assert read_prompts(path) == [["안녕"], ["배고파"], ["추워", "따뜻한 차 어때요?", "좋아"]]


@pytest.mark.parametrize("line", ["", "{}", '{"turns": []}', '{"turns": [""]}', '{"turns": "안녕"}', "안녕"])
def test_a_wrong_file_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text(line, encoding="utf-8")
    with pytest.raises(CorpusError, match=r"prompts\.jsonl"):
        read_prompts(path)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "training", *arguments], capture_output=True, text=True)


def test_the_commands_from_prompts_to_the_count(tmp_path: Path) -> None:
    prompts, out = tmp_path / "prompts.jsonl", tmp_path / "page.html"
    prompts.write_text('{"turns": ["너는 누구니?"]}\n', encoding="utf-8")
    ran = run("compare", str(PRETRAINED), str(PRETRAINED), "--prompts", str(prompts), "--out", str(out))
    assert ran.returncode == 0, ran.stderr
    key = tmp_path / "page.key.json"
    assert json.loads(key.read_text(encoding="utf-8"))["identical"] == 1
    votes = tmp_path / "votes.json"
    votes.write_text(json.dumps({"page": content(out.read_text(encoding="utf-8"))["page"], "votes": {}}))
    counted = json.loads(run("votes", str(votes), str(key)).stdout)
    assert (counted["identical"], counted["sign_test_p"]) == (1, 1.0)


def test_faults_are_one_line_and_exit_code_2(tmp_path: Path) -> None:
    here, none = str(PRETRAINED), str(tmp_path / "none")
    prompts = tmp_path / "prompts.jsonl"
    prompts.write_text('{"turns": ["안녕"]}\n', encoding="utf-8")
    for ran, named in (
        (run("compare", here, here, "--prompts", none, "--out", str(tmp_path / "page.html")), "none"),
        (run("compare", here, none, "--prompts", str(prompts), "--out", str(tmp_path / "page.html")), "none"),
        (run("compare", here, here, "--prompts", str(prompts), "--out", str(tmp_path / "page.txt")), ".html"),
        (run("votes", none, none), "none"),
    ):
        assert ran.returncode == 2
        assert ran.stderr.startswith("error: ")
        assert ran.stderr.count("\n") == 1
        assert named in ran.stderr
