"""A corpus small enough to be learned by heart in seconds."""

import random
from dataclasses import replace
from pathlib import Path

import pytest

from model.config import DEFAULT, PRESETS, ModelConfig
from training.corpus import Conversation
from training.mixture import Mixture
from training.options import TrainingOptions

PAIRS = {
    "배고파": "밥부터 챙겨 드세요.", "졸려": "잠깐 눈을 붙여 볼까요?", "추워": "따뜻한 차를 마셔요.", "더워": "물을 자주 드세요.",
    "심심해": "산책은 어때요?", "기뻐": "좋은 소식이 있었나요?", "슬퍼": "무슨 일이 있었어요?", "화나": "누가 속상하게 했어요?",
}  # fmt: skip


def conversations() -> list[Conversation]:
    """Every pair under several ways to say it; all of one pair are one group."""
    rng = random.Random(0)
    return [
        Conversation(source="pairs", group=f"{message}{variant}", turns=(f"{prefix} {message}", reply))
        for message, reply in PAIRS.items()
        for variant in range(12)
        for prefix in [rng.choice(["나", "지금", "오늘", "너무", "아 진짜", "좀"])]
    ]


def pairs_mixture() -> Mixture:
    """All of them, as one run's data."""
    return Mixture(conversations=conversations(), families=[])


@pytest.fixture(scope="session")
def pairs() -> dict[str, str]:
    return PAIRS


@pytest.fixture(scope="session")
def mixture() -> Mixture:
    return pairs_mixture()


OPTIONS = TrainingOptions(
    preset="tiny", epochs=3, batch_size=16, peak_rate=5e-3, warmup_steps=5, vocabulary_size=400, dropout=0.1
)


@pytest.fixture
def options() -> TrainingOptions:
    return OPTIONS


def tiny() -> ModelConfig:
    """A shape that trains in seconds."""
    return replace(
        DEFAULT, d_model=32, heads=2, key_dim=16, feed_forward=64, encoder_layers=1, decoder_layers=1, max_source=32,
        max_target=48,
    )  # fmt: skip


@pytest.fixture(autouse=True)
def tiny_preset(monkeypatch: pytest.MonkeyPatch) -> None:
    """That shape as a preset."""
    monkeypatch.setitem(PRESETS, "tiny", tiny())


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "run"
