"""How the program's plots look: Chinese in a font that comes with a package, not from the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mplfonts

FONT = Path(mplfonts.__file__).parent / "fonts" / "NotoSansCJKsc-Regular.otf"
# Glyphs as outlines: the reader's machine needs no font. A fixed salt makes the same plot the same bytes.
STYLE: Any = {
    "font.family": "Noto Sans CJK SC",
    "axes.unicode_minus": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "shouhou",
}
