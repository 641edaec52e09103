"""What one run of ``python -m training train`` is told."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """Hyperparameters of a run; all of them are written on the checkpoint's card."""

    preset: str = "default"
    epochs: int = 12
    batch_size: int = 48
    schedule: str = "cosine"  # or noam, the paper's, which knows no peak rate
    peak_rate: float = 2e-3
    warmup_steps: int = 400
    label_smoothing: float = 0.1
    bag_of_words: float = 0.5  # weight of the encoder's second task; 0: none
    r_drop: float = 0.0  # weight of agreeing with oneself under another dropout; 0: none
    emotion_weight: float = 0.1  # of the encoder's head that names the emotion; 0: not learned
    crisis_weight: float = 0.4  # of the one that hears of suicide and self-harm; heads are kept where both are learned
    dropout: float = 0.1
    weight_decay: float = 0.01
    average: float = 0.999  # of the weights: the share that a step keeps of it, less where a run is short; 0: none
    vocabulary_size: int | None = None  # None: the preset's; so it is with
    encoder_layers: int | None = None
    patience: int = 4  # epochs without a better relevance before the run ends
    seed: int = 42
    precision: str = "float32"  # or mixed_bfloat16
