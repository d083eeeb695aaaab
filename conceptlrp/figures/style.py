"""How all figures look, where things stand, and how they are saved.

Sizes are in inches and known before anything is drawn, type in points; shapes use n
points. Figures do not depend on the settings of who draws them: the style holds while a
figure is drawn or saved, and is then taken back.
"""

import errno
import io
import os
import warnings
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextPath
from numpy.typing import NDArray

from conceptlrp.drawing.colors import to_rgb
from conceptlrp.errors import FileFormatError
from conceptlrp.files import check_replaced, write_whole

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

#: Formats by suffix, each with what tells ours from others and keeps the time out.
# What matplotlib makes of it, by which a file of ours is known.
_MARKS: Final = {
    ".png": b"tEXtSoftware\0conceptlrp",
    ".svg": b"<dc:title>conceptlrp</dc:title>",
    ".pdf": b"/Creator (conceptlrp)",
}
_FORMATS: Final[dict[str, dict[str, Any]]] = {
    ".png": {"Software": "conceptlrp"},
    ".svg": {"Creator": "conceptlrp", "Date": None},
    ".pdf": {"Creator": "conceptlrp", "CreationDate": None},
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
    """Arrange a figure once, as each file would otherwise arrange it anew."""
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
    suffix = place.suffix.lower()
    known: dict[str, Any] = {"error": FileFormatError, "token": _MARKS[suffix]}
    # Drawing takes long enough not to be done in vain.
    check_replaced(place, overwrite=overwrite, **known)
    write_whole(place, figure_bytes(figure, suffix), overwrite=overwrite, **known)
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


#: Height of a line of small type.
LINE: Final = 0.125
_GAP: Final = 0.12
_HEAD: Final = 0.24
#: Room on either side, in inches.
MARGIN: Final = 0.08
_ROUNDS: Final = 300


@dataclass(frozen=True)
class Sheet:
    """A grid of blocks, each a stack of square boards with room around; inches."""

    width: float
    blocks: int
    columns: int
    stack: int = 1
    left: float = 0.0
    over: float = 0.0
    under: float = 0.0
    foot: float = 0.0
    title: str = ""

    @property
    def side(self) -> float:
        """Side of a board."""
        room = self.width - self.left - (self.columns + 1) * _GAP / 2
        return room / self.columns

    @property
    def block_height(self) -> float:
        """Height of a block with the gap below it."""
        boards = self.stack * self.side + (self.stack - 1) * _GAP / 2
        return self.over + boards + self.under + _GAP

    @property
    def height(self) -> float:
        """Height of the figure."""
        rows = -(-self.blocks // self.columns)
        return self._head + rows * self.block_height + self.foot

    @property
    def _head(self) -> float:
        return _HEAD if self.title else 0.04

    def draw(self) -> tuple[Figure, list[Axes]]:
        """Return the figure with its title, and axes block by block."""
        figure = new_figure(self.width, self.height)
        if self.title:
            write_title(figure, self.title)
        axes = [
            axes_at(figure, *self._place(block, board), self.side, self.side)
            for block in range(self.blocks)
            for board in range(self.stack)
        ]
        return figure, axes

    def _place(self, block: int, board: int) -> tuple[float, float]:
        """Return the lower left corner of a board."""
        row, column = divmod(block, self.columns)
        x = self.left + _GAP / 2 + column * (self.side + _GAP / 2)
        top = self.height - self._head - row * self.block_height - self.over
        y = top - self.side - board * (self.side + _GAP / 2)
        return x, y


def axes_at(figure: Figure, x: float, y: float, width: float, height: float) -> Axes:
    """Add axes at a place in inches from the lower left corner."""
    whole, high = figure.get_size_inches()
    return figure.add_axes((x / whole, y / high, width / whole, height / high))


def color_bar(
    figure: Figure,
    place: tuple[float, float, float],
    norm: Normalize,
    colors: Colormap,
    ends: Mapping[float, str],
) -> None:
    """Draw the scale of colours, what stands below it being given by value."""
    axes = axes_at(figure, *place, 0.08)
    bar = figure.colorbar(
        ScalarMappable(norm, colors),
        cax=axes,
        orientation="horizontal",
        ticks=list(ends),
    )
    bar.set_ticklabels(list(ends.values()))
    bar.ax.tick_params(length=0, pad=2)
    bar.outline.set(linewidth=0.5, edgecolor=QUIET)


def plane(
    width: float, title: str, points: NDArray[np.floating], *, under: float
) -> tuple[Figure, Axes]:
    """Return axes without units, about the bulk of the points."""
    tall = 0.75 * (width - 2 * MARGIN)
    height = 0.26 + tall + under
    figure = new_figure(width, height)
    axes = axes_at(figure, MARGIN, under, width - 2 * MARGIN, tall)
    low, high = np.quantile(points, [0.002, 0.998], axis=0)
    room = np.where(high > low, 0.07 * (high - low), 1.0)
    axes.set_xlim(float(low[0] - room[0]), float(high[0] + room[0]))
    axes.set_ylim(float(low[1] - room[1]), float(high[1] + room[1]))
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=FAINT)
    write_title(figure, title, left=MARGIN)
    return figure, axes


def apart(axes: Axes, points: NDArray[Any], distance: float) -> list[list[float]]:
    """Push points apart until none are nearer than a distance in inches."""
    (left, right), (bottom, top) = axes.get_xlim(), axes.get_ylim()
    low, span = np.array([left, bottom]), np.array([right - left, top - bottom])
    figure = axes.get_figure(root=True)
    assert figure is not None
    box = axes.get_position()
    inches = figure.get_size_inches() * [box.width, box.height]
    places = (points - low) / span * inches
    # Points at the same place have to part in some direction.
    angles = 2.4 * np.arange(len(places))
    places += 1e-4 * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    for _ in range(_ROUNDS):
        steps = places[:, None] - places
        lengths = np.hypot(steps[..., 0], steps[..., 1])
        np.fill_diagonal(lengths, np.inf)
        push = np.maximum(distance - lengths, 0) / 2 / lengths
        if not push.any():
            break
        places += (push[..., None] * steps).sum(axis=1)
        places = np.clip(places, distance / 2, inches - distance / 2)
    found: list[list[float]] = (places / inches * span + low).tolist()
    return found


def write(axes: Axes, x: float, y: float, text: str, size: float, **style: Any) -> None:
    """Write a text in the middle of a point."""
    style = {"color": INK, "ha": "center", "va": "center_baseline"} | style
    axes.text(x, y, text, size=size, **style)
