"""The same as one HTML file that a browser opens from anywhere: nothing in it is fetched from another address."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np

from model.explain.explanation import Explanation, HeatMap

_TEMPLATE = Path(__file__).with_name("page.html")


def page(explanation: Explanation, kind: str) -> str:
    """The page's text; it begins with the attention ``kind``: ``cross``, ``encoder`` or ``decoder``."""
    content = {
        "message": explanation.message,
        "reply": explanation.reply,
        "begin": kind,
        "probability": [round(share, 4) for share in explanation.probability],
        "maps": {name: _packed(getattr(explanation, name)) for name in ("cross", "encoder", "decoder")},
    }
    # Inside of a script element a text must not end it.
    data = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return _TEMPLATE.read_text(encoding="utf-8").replace('"DATA"', data)


def _packed(heat_map: HeatMap) -> dict[str, Any]:
    """Weights as two bytes each, 65535 being 1: a third of what decimals take."""
    layers, heads, _, _ = heat_map.weights.shape
    weights = np.rint(heat_map.weights * 65535).astype("<u2").tobytes()
    return {
        "rows": [list(piece) for piece in heat_map.rows],
        "columns": [list(piece) for piece in heat_map.columns],
        "layers": layers,
        "heads": heads,
        "weights": base64.b64encode(weights).decode(),
    }
