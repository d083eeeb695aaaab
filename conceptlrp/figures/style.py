"""How all figures look and are saved: one scale of type, one set of colours.

Sizes are in inches, type in points. Figures do not depend on the settings of who
draws them: the style holds while a figure is drawn or saved, and is then taken back.
"""

import errno
import io
import os
import warnings
from bisect import bisect_right
from collections.abc import Callable
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath

from conceptlrp.drawing.colors import to_rgb
from conceptlrp.errors import FileFormatError
from conceptlrp.files import write_whole

_Options = ParamSpec("_Options")
_Result = TypeVar("_Result")

#: Widths of a column and of a page of a journal.
ONE_COLUMN: Final = 3.5
TWO_COLUMNS: Final = 7.2

POINT: Final = 1 / 72
TITLE, TEXT, SMALL, TINY = 8.0, 7.0, 6.5, 5.5
INK, QUIET, FAINT = "#1a1a1a", "#5c5c5c", "#d0d0d0"

#: The signs of relevance as single colours: ends of the diverging map.
FOR, AGAINST = "#ae4e00", "#196cb7"

#: Okabe and Ito's colours for kinds, without yellow, which is lost on white.
KINDS: Final = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")

#: Blue, white and orange as on the boards, in steps too fine to be seen.
RELEVANCE_COLORS: Final = ListedColormap(
    to_rgb(np.linspace(-1, 1, 255), 1.0) / 255, name="relevance"
)
#: The orange half alone, for magnitudes.
SIZE_COLORS: Final = ListedColormap(
    to_rgb(np.linspace(0, 1, 255), 1.0) / 255, name="size"
)

_FONT: Final = "DejaVu Sans"
_STYLE: Final = {
    "font.family": "sans-serif",
    # The one font that comes with matplotlib, so that figures are alike everywhere.
    "font.sans-serif": [_FONT],
    "font.size": TEXT,
    "axes.titlesize": TITLE,
    "axes.labelsize": TEXT,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "figure.titlesize": TITLE,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": QUIET,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titleweight": "bold",
    "axes.titlepad": 4.0,
    "lines.linewidth": 1.2,
    "legend.frameon": False,
    "savefig.dpi": 300,
    "figure.dpi": 150,
    # Names of players and layers are never formulas.
    "text.parse_math": False,
    "axes.formatter.use_mathtext": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
    "svg.hashsalt": "conceptlrp",
}

#: Formats by suffix, each with what keeps the time of writing out of the file.
_FORMATS: Final[dict[str, dict[str, Any]]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def styled(draw: Callable[_Options, _Result]) -> Callable[_Options, _Result]:
    """Let a function draw in the style of this project, whatever is set."""

    @wraps(draw)
    def drawn(*args: _Options.args, **options: _Options.kwargs) -> _Result:
        with (
            matplotlib.style.context(_STYLE, after_reset=True),
            warnings.catch_warnings(),
        ):
            # Letters of other scripts are boxes in PNG and PDF, and text in SVG.
            warnings.filterwarnings("ignore", "Glyph .* missing from font")
            return draw(*args, **options)

    return drawn


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Return an empty figure that no window and no global list knows."""
    return Figure(figsize=(width, height), facecolor="white", **options)


def symmetric_norm(limit: float) -> Normalize:
    """Return the scale from -limit to limit; a limit of 0 makes everything white."""
    return Normalize(-(limit or 1.0), limit or 1.0)


def clean(text: str) -> str:
    """Return text that every format can hold: control characters become blanks."""
    return "".join(c if c.isprintable() else " " for c in text)


def shortened(text: str, width: float, size: float, *, weight: str = "normal") -> str:
    """Cut text to a width in inches, with an ellipsis where something is missing."""
    # Letters are put on whole pixels, which can make them a little wider.
    width *= 0.96
    # No letter is narrower than an eighth of its height.
    text = clean(text)[: int(8 * width / (size * POINT)) + 1]
    if text_width(text, size, weight) <= width:
        return text
    fitting = bisect_right(
        range(len(text)),
        width,
        key=lambda end: text_width(text[:end] + "…", size, weight),
    )
    return text[: max(0, fitting - 1)].rstrip() + "…"


def signed(value: float, digits: int = 2) -> str:
    """Write a number with its sign, a true minus, and so many digits.

    >>> signed(0.0312), signed(-12.0), signed(0)
    ('+0.031', '−12', '0')
    >>> signed(0.12, 3)
    '+0.120'
    """
    if value == 0:
        return "0"
    text = f"{value:+#.{digits}g}".removesuffix(".")
    return text.replace("-", "\N{MINUS SIGN}")


@lru_cache(4096)
def text_width(text: str, size: float, weight: str = "normal") -> float:
    """Return the width of text in inches."""
    if not text.strip():
        return 0.0
    font = FontProperties(family=_FONT, size=size, weight=weight)
    outline = TextPath((0, 0), text, prop=font)
    return float(outline.get_extents().x1) * POINT


def note(place: Axes | Figure, x: float, y: float, text: str, **look: Any) -> None:
    """Write small text at a point of axes or of a figure."""
    place.text(x, y, text, **({"size": SMALL} | look))


def settle(figure: Figure) -> None:
    """Arrange the parts of a figure once and for all.

    Every drawing would arrange them anew, beginning with where they were, so that
    the second file of a figure would differ from the first.
    """
    for _ in range(2):
        figure.draw_without_rendering()
    figure.set_layout_engine("none")


def write_title(figure: Figure, text: str, *, left: float = 0.06) -> None:
    """Write the title of a whole figure, cut to its width, inches from the left."""
    width, height = figure.get_size_inches()
    text = shortened(text, width - 2 * left, TITLE, weight="bold")
    figure.text(left / width, 1 - 0.17 / height, text, size=TITLE, weight="bold")


def save(
    figure: Figure, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a figure as PNG, SVG or PDF.

    Text stays text in SVG, and fonts are embedded in PDF.

    Parameters
    ----------
    figure, path, overwrite
        What a function of this folder returned, the file, whose suffix decides the
        format, and whether to replace what stands there.

    Returns
    -------
    Path
        The file.
    """
    place = Path(path)
    check_format(place)
    if not place.absolute().parent.is_dir():
        folder = place.absolute().parent
        code = errno.ENOTDIR if folder.exists() else errno.ENOENT
        msg = f"{folder}: cannot be written to: {os.strerror(code).lower()}"
        raise FileFormatError(msg)
    if place.exists() and not overwrite:
        # Drawing takes long enough not to be done in vain.
        write_whole(place, b"", overwrite=False, error=FileFormatError)
    content = figure_bytes(figure, place.suffix.lower())
    write_whole(place, content, overwrite=overwrite, error=FileFormatError)
    return place


@styled
def figure_bytes(figure: Figure, suffix: str) -> bytes:
    """Return the content of a figure's file in the format of a suffix."""
    content = io.BytesIO()
    figure.savefig(content, format=suffix[1:], metadata=_FORMATS[suffix])
    return content.getvalue()


def check_format(path: Path) -> None:
    """Refuse a file whose suffix stands for no format."""
    if path.suffix.lower() not in _FORMATS:
        known = ", ".join(_FORMATS)
        msg = f"{path}: suffix is '{path.suffix}', expected one of {known}"
        raise FileFormatError(msg)
