"""A font with Hangul, so that no picture shows boxes in its place."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib import font_manager

# matplotlib reads only the first face of a collection like Noto's; the Japanese one has Hangul as well.
_KNOWN = (
    "NanumGothic", "NanumBarunGothic", "Noto Sans CJK KR", "Noto Sans KR", "Noto Sans CJK JP", "Apple SD Gothic Neo",
    "AppleGothic", "Malgun Gothic", "UnDotum", "Baekmuk Gulim",
)  # fmt: skip
LATIN = "DejaVu Sans"  # comes with matplotlib


def hangul_font(known: Sequence[str] = _KNOWN) -> str | None:
    """The first of the ``known`` fonts with Hangul that is installed; None where there is none."""
    listed = {font.name: font.fname for font in font_manager.fontManager.ttflist}
    for name in known:
        if name in listed and has("힣", Path(listed[name])):
            return name
    # matplotlib keeps its list from an earlier day: a font installed since then is only found by its file.
    files = {name.replace(" ", "").lower() for name in known}
    for path in sorted(map(Path, font_manager.findSystemFonts())):
        stem = path.stem.lower().replace("-", "").removesuffix("regular")
        if any(file.startswith(stem) for file in files) and has("힣", path):
            font_manager.fontManager.addfont(path)
            return font_manager.FontProperties(fname=path).get_name()
    return None


def has(character: str, path: Path) -> bool:
    """Whether the font at ``path`` can draw ``character``."""
    try:
        return bool(font_manager.get_font(str(path)).get_char_index(ord(character)))
    except (OSError, RuntimeError):  # removed since it was listed, or not a font that FreeType reads
        return False


def drawable(text: str, families: Sequence[str]) -> str:
    """``text`` with a dot for every character that none of the ``families`` has (most emoji)."""
    paths = [Path(font_manager.findfont(family)) for family in families]
    return "".join(c if any(has(c, path) for path in paths) else "·" for c in text)
