"""The whole Transformer: its weights are those that a checkpoint names, and padding does not leak."""

from dataclasses import replace

import keras
import numpy as np

from model.checkpoint import weight_shapes
from model.config import ModelConfig, preset
from model.transformer import Transformer
from tests.model.shaken import shaken


def test_the_students_model_to_the_parameter() -> None:
    model = Transformer(preset("original"))
    assert model.count_params() == 41_606_908


def test_names_and_shapes_are_known_without_building(tiny: ModelConfig) -> None:
    untied = preset("original", vocabulary_size=300, d_model=32, key_dim=32, feed_forward=16)
    for config in (tiny, untied):
        built = Transformer(config).named_weights()
        assert {name: weight.shape for name, weight in built.items()} == weight_shapes(config)


def test_padding_of_either_side_changes_no_score(tiny: ModelConfig) -> None:
    model = shaken(Transformer(tiny))
    source, target = np.array([[1, 3, 290, 300, 2]]), np.array([[1, 280, 281]])
    alone = model({"source": source, "target": target})
    padded = model({"source": np.pad(source, ((0, 0), (0, 4))), "target": np.pad(target, ((0, 0), (0, 3)))})
    np.testing.assert_allclose(padded[:, :3], alone, atol=1e-4)


def test_the_order_of_words_matters(tiny: ModelConfig) -> None:
    model = shaken(Transformer(tiny))
    target = np.array([[1, 280]])
    one = model({"source": np.array([[1, 3, 290, 300, 2]]), "target": target})
    other = model({"source": np.array([[1, 3, 300, 290, 2]]), "target": target})
    assert not np.allclose(one, other, atol=1e-3)


def test_weights_survive_being_taken_out_and_put_back(tiny: ModelConfig) -> None:
    keras.utils.set_random_seed(1)
    first, second = Transformer(tiny), Transformer(tiny)
    inputs = {"source": np.array([[1, 3, 290, 2]]), "target": np.array([[1, 280]])}
    assert not np.allclose(first(inputs), second(inputs))
    second.set_named_weights(first.named_weights())
    np.testing.assert_allclose(first(inputs), second(inputs), atol=1e-6)


def test_a_new_encoder_hands_on_what_it_is_given_however_deep_it_is(tiny: ModelConfig) -> None:
    keras.utils.set_random_seed(1)
    source = np.array([[1, 3, 290, 300, 2]])
    shallow = Transformer(replace(tiny, encoder_layers=1))
    deep = Transformer(replace(tiny, encoder_layers=6))
    deep.source_embedding.set_weights(shallow.source_embedding.get_weights())
    np.testing.assert_allclose(deep.encode(source)[0], shallow.encode(source)[0], atol=1e-6)
