"""The hyperparameters of a Transformer, and the presets."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, Self


class ConfigError(ValueError):
    """A configuration that no Transformer can be built from; the message names the field."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Shape of a Transformer; saved as ``config.json`` beside the weights.

    The letters of the paper's Table 3 in brackets. Lengths are in tokens.
    """

    vocabulary_size: int
    encoder_layers: int  # [N]
    decoder_layers: int
    d_model: int
    heads: int  # [h]
    key_dim: int  # [d_k = d_v], of one head
    feed_forward: int  # [d_ff]
    dropout: float  # [P_drop]
    norm: Literal["pre", "post"]  # where LayerNormalization stands in a residual branch
    activation: Literal["relu", "gelu"]
    tied_embeddings: bool  # one matrix for source, target and output (section 3.4)
    max_source: int = 160
    max_target: int = 80
    layer_norm_epsilon: float = 1e-6

    def __post_init__(self) -> None:
        """Refuse what cannot be built or would exhaust memory: a configuration may come from a stranger's folder."""
        for field in fields(self):
            value = getattr(self, field.name)
            expected = field.type
            if expected is int and (type(value) is not int):
                raise ConfigError(f"{field.name} must be a whole number, not {value!r}")
            if expected is float and (type(value) not in (int, float)):
                raise ConfigError(f"{field.name} must be a number, not {value!r}")
            if expected is bool and type(value) is not bool:
                raise ConfigError(f"{field.name} must be true or false, not {value!r}")
        for name, low, high in (
            ("vocabulary_size", 16, 200_000),
            ("encoder_layers", 1, 48),
            ("decoder_layers", 1, 48),
            ("d_model", 8, 4096),
            ("heads", 1, 64),
            ("key_dim", 1, 1024),
            ("feed_forward", 8, 16_384),
            ("max_source", 8, 4096),
            ("max_target", 2, 4096),
            ("dropout", 0.0, 0.9),
            ("layer_norm_epsilon", 1e-12, 1e-1),
        ):
            if not low <= getattr(self, name) <= high:
                raise ConfigError(f"{name} must be between {low} and {high}, not {getattr(self, name)!r}")
        if self.d_model % 2:
            raise ConfigError(f"d_model must be even, half sines and half cosines, not {self.d_model}")
        if self.norm not in ("pre", "post"):
            raise ConfigError(f"norm must be 'pre' or 'post', not {self.norm!r}")
        if self.activation not in ("relu", "gelu"):
            raise ConfigError(f"activation must be 'relu' or 'gelu', not {self.activation!r}")

    @classmethod
    def from_dict(cls, values: object) -> Self:
        """Build from ``config.json``'s content; ``ConfigError`` names a missing, unknown or absurd field."""
        if not isinstance(values, dict):
            raise ConfigError("a configuration is a JSON object")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(f"unknown field {unknown[0]!r}")
        try:
            return cls(**values)
        except TypeError as error:
            raise ConfigError(str(error).split("__init__() ")[-1]) from None

    def to_dict(self) -> dict[str, Any]:
        """The content of ``config.json``."""
        return asdict(self)


# The student's model, to the parameter (41,606,908): 2+2 layers whose four heads are 512 wide each, so that the
# projections go 512 -> 2,048 -> 512; separate embeddings and an output layer with a bias.
ORIGINAL = ModelConfig(
    vocabulary_size=9_980,
    encoder_layers=2,
    decoder_layers=2,
    d_model=512,
    heads=4,
    key_dim=512,
    feed_forward=256,
    dropout=0.1,
    norm="post",
    activation="relu",
    tied_embeddings=False,
)

# Ours: a deep encoder to understand, a shallow decoder to answer quickly, one embedding matrix for all three uses; and
# small enough that two cores without matrix units show it all in a few hours.
DEFAULT = ModelConfig(
    vocabulary_size=5_000,
    encoder_layers=3,
    decoder_layers=2,
    d_model=192,
    heads=4,
    key_dim=48,
    feed_forward=768,
    dropout=0.1,
    norm="pre",
    activation="relu",
    tied_embeddings=True,
)

# More of everything, where there is more data and a faster machine.
LARGE = replace(
    DEFAULT,
    vocabulary_size=8_000,
    encoder_layers=4,
    d_model=256,
    key_dim=64,
    feed_forward=1_024,
)

PRESETS = {"original": ORIGINAL, "default": DEFAULT, "large": LARGE}


def preset(name: str, **changes: int | float | bool | str) -> ModelConfig:
    """The preset called ``name`` with some fields changed; ``ConfigError`` when there is none of that name."""
    if name not in PRESETS:
        raise ConfigError(f"there is no preset {name!r}: choose from {', '.join(PRESETS)}")
    return replace(PRESETS[name], **changes)
