"""The atlas of a store beside the explorer: a folder, served here, or an address."""

import os
from dataclasses import dataclass
from pathlib import Path

from conceptlrp.atlas.site import MARKER, read_atlas
from conceptlrp.errors import FileFormatError

#: Where the pages of a folder are.
PLACE = "/atlas/"


@dataclass(frozen=True)
class AtlasFiles:
    """Where an atlas is; of a folder only what its marker lists is there."""

    address: str = ""
    folder: Path = Path()
    files: frozenset[str] = frozenset()

    @classmethod
    def at(cls, given: str | os.PathLike[str] | None) -> "AtlasFiles":
        """Read which files a folder has, or take an address as it is."""
        if given is None:
            return cls()
        if str(given).startswith(("http://", "https://")):
            return cls(f"{str(given).removesuffix('index.html').rstrip('/')}/")
        folder = Path(given)
        record = read_atlas(folder)
        if record is None:
            msg = (
                f"{folder}: is no atlas, which has {MARKER}; make one with 'conceptlrp "
                "atlas', or give an address that begins with http"
            )
            raise FileFormatError(msg)
        return cls(PLACE, folder, frozenset((MARKER, *record["files"])))

    def href(self, page: str) -> str:
        """Address of a page, "" where there is none."""
        known = not self.files or page in self.files
        return f"{self.address}{page}" if self.address and known else ""
