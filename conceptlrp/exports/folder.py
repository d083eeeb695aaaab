"""Folders of exported files, known again by a marker that says what is in them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conceptlrp.exports.extract import Extract
from conceptlrp.staging import staged_folder

__all__ = ["MARKER", "export_folder"]

#: The file by which a folder is known to be an export.
MARKER = "conceptlrp-export.json"


@contextmanager
def export_folder(
    out: str | os.PathLike[str], chosen: Extract, kind: str, *, overwrite: bool
) -> Iterator[Path]:
    """Write a folder that appears complete or not at all, with its marker.

    Yields: a folder to write into.
    """
    with staged_folder(out, marker=MARKER, overwrite=overwrite) as folder:
        yield folder
        files = sorted(
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if path.is_file()
        )
        about = {
            "encoding-type": "conceptlrp-export",
            "encoding-version": "1",
            "format": kind,
            **chosen.provenance(),
            "files": files,
        }
        text = json.dumps(about, indent=2, ensure_ascii=False)
        (folder / MARKER).write_text(f"{text}\n", encoding="utf-8")
