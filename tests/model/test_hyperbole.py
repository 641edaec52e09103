"""What nobody dies of is taken out of a message; whoever may mean it is read as he wrote."""

import json
from pathlib import Path
from time import process_time

import pytest

from model.hyperbole import without_hyperbole

CRISIS = Path(__file__).parents[1] / "bot" / "crisis"


@pytest.mark.parametrize(
    ("message", "read"),
    [
        ("배고파 죽겠다 급식 언제 나와", "배고파 급식 언제 나와"),
        ("궁금해죽겠으니까 빨리 말해", "궁금해 빨리 말해"),
        ("더워서 죽는 줄", "더워서"),
        ("화나 죽을 것 같아 진짜", "화나 진짜"),
        ("죽었다 깨어나도 오이는 못 먹어", "오이는 못 먹어"),
        ("이 집 국물 죽여준다", "이 집 국물"),
        ("쪽팔려서 사라지고 싶다 ㅋㅋ", "쪽팔려서 ㅋㅋ"),
        ("짝꿍이랑 눈 마주쳤어 설레 죽겠네", "짝꿍이랑 눈 마주쳤어 설레"),
        ("누나한테 걸리면 죽었어", "누나한테 걸리면"),
        ("죽어라고 말을 안 들어", "말을 안 들어"),
        ("쥐 죽은 듯이 조용해", "조용해"),
        ("너 또 늦으면 진짜 죽었어", "너 또 늦으면"),
        ("엄마가 알면 난 오늘 죽었다", "엄마가 알면"),
        ("국물 죽이는 집 찾았어", "국물 집 찾았어"),
        ("앓느니 죽지 내가 하고 말지", "내가 하고 말지"),
    ],
)
def test_what_is_only_said_so_is_taken_out(message: str, read: str) -> None:
    assert without_hyperbole(message).split() == read.split()


@pytest.mark.parametrize(
    "message",
    [
        "죽고 싶어",
        "괴로워 죽겠어",
        "마음이 아파 죽을 것 같아",
        "나 죽을 것 같아",
        "내가 죽겠다",
        "엄마 따라 죽겠어",
        "엄마 죽을 것 같아",
        "진짜 죽을 거 같아",
        "밥을 끊으셨어 죽겠다고",
        "창피해서 죽고 싶어",
        "자기 죽으면 어떡할 거냐고 물어봐",
        "누가 나 좀 죽여줬으면",
        "나 집에 가면 죽어",
        "죽을 힘도 없어",
        "엄마가 죽어라고 했어",
        "숨이 막혀 죽고 싶어",
        "이렇게 사느니 죽지",
        "조금만 늦게 왔으면 죽었어",
        "발견 안 됐으면 난 죽었어",
        "나를 죽이는 노래",
        "애들만 아니면 벌써 죽었어",
        "억울해서 죽음을 택하려 해",
        "할머니가 울어 죽는다고",
        "죽겠다",
    ],
)
def test_what_may_be_meant_stays_as_it_is(message: str) -> None:
    assert without_hyperbole(message) == message


def test_what_is_grave_beside_it_stays() -> None:
    assert without_hyperbole("배고파 죽겠다 말고 그냥 죽고 싶어").endswith("그냥 죽고 싶어")


@pytest.mark.parametrize("name", ["development", "held-out", *(f"independent-{letter}" for letter in "abcde")])
def test_nobody_in_danger_loses_a_word(name: str) -> None:
    messages = [json.loads(line) for line in (CRISIS / f"{name}.jsonl").read_text("utf-8").splitlines()]
    grave = [message["text"] for message in messages if message["crisis"]]
    assert [text for text in grave if without_hyperbole(text) != text] == []


@pytest.mark.parametrize("text", ["가", "죽 ", "창피", "배고파 죽"])
def test_a_message_costs_in_proportion_to_its_length(text: str) -> None:
    def seconds(times: int) -> float:
        began = process_time()
        without_hyperbole(text * times)
        return process_time() - began

    assert seconds(160_000) < 30 * min(seconds(20_000) for _ in range(3))  # the square would be 64 times as much
