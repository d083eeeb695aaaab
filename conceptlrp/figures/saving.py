"""Figures as files: the same figure gives the same bytes, whole or not at all."""

import errno
import io
import os
from pathlib import Path
from typing import Any, Final

from matplotlib.figure import Figure

from conceptlrp.errors import FileFormatError
from conceptlrp.figures.style import styled
from conceptlrp.files import write_whole

#: Formats by suffix, each with what keeps the time of writing out of the file.
_FORMATS: Final[dict[str, dict[str, Any]]] = {
    ".png": {},
    ".svg": {"Date": None},
    ".pdf": {"CreationDate": None},
}


def save_figure(
    figure: Figure, path: str | os.PathLike[str], *, overwrite: bool = False
) -> Path:
    """Write a figure as PNG, SVG or PDF.

    Text stays text in SVG, and fonts are embedded in PDF.

    Parameters
    ----------
    figure : Figure
        What a function of this folder returned.
    path : path-like
        The file; its suffix decides the format.
    overwrite : bool
        Replace what stands there.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    FileFormatError
        The suffix is unknown, or the file cannot be written.
    OutputExistsError
        Something stands at the path and is not to be overwritten.
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
