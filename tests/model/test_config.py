"""A configuration is checked before anything is built from it."""

import pytest

from model.checkpoint import parameters
from model.config import PRESETS, ConfigError, ModelConfig, preset


def test_a_configuration_survives_its_file() -> None:
    for config in PRESETS.values():
        assert ModelConfig.from_dict(config.to_dict()) == config


def test_the_original_has_the_students_number_of_parameters() -> None:
    assert parameters(preset("original")) == 41_606_908


def test_the_default_is_small_and_the_large_one_is_not_the_original() -> None:
    assert parameters(preset("default")) < parameters(preset("large")) < 20_000_000


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"d_model": 10**9}, "d_model"),
        ({"d_model": 33}, "d_model"),
        ({"heads": 0}, "heads"),
        ({"dropout": 1.5}, "dropout"),
        ({"encoder_layers": 2.5}, "encoder_layers"),
        ({"tied_embeddings": 1}, "tied_embeddings"),
        ({"norm": "batch"}, "norm"),
        ({"activation": "tanh"}, "activation"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_an_absurd_configuration_is_refused_by_the_field_s_name(change: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        ModelConfig.from_dict({**preset("default").to_dict(), **change})


def test_a_missing_field_and_a_wrong_preset_are_named() -> None:
    values = preset("default").to_dict()
    del values["d_model"]
    with pytest.raises(ConfigError, match="d_model"):
        ModelConfig.from_dict(values)
    with pytest.raises(ConfigError, match="gigantic"):
        preset("gigantic")
