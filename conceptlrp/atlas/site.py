"""What all pages of an atlas share, and the atlas on disk, made whole or updated.

Addresses are relative to the folder of the atlas and stay the same whenever the
same store is built again. Everything is written beside the atlas first. An atlas that
exists then gets the files that differ, each by a rename, and loses those that it has no
more; the marker lists all files in between, so that a process killed at any moment
leaves whole files only and the next one knows which are its own.
"""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import (
    ChoiceLoader,
    Environment,
    PackageLoader,
    StrictUndefined,
    select_autoescape,
)
from markupsafe import Markup

from conceptlrp.atlas.pictures import page_boards as drawn
from conceptlrp.clustering import Clustering
from conceptlrp.drawing.colors import level_colors
from conceptlrp.errors import FileFormatError, OutputExistsError
from conceptlrp.files import file_stem, refuse_existing, write_whole
from conceptlrp.jsontext import dumps
from conceptlrp.labelling.channel_name import HOW_TO_READ
from conceptlrp.labelling.result import Names
from conceptlrp.lrp.targets import unit_of
from conceptlrp.report import Note
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.context import games_words, has_games, provenance
from conceptlrp.report.words.numbers import (
    compact,
    count,
    percent,
    plural,
    signed_amount,
    signed_percent,
    visible,
)
from conceptlrp.report.words.relevance import board_words, gradient_words, relevance_of
from conceptlrp.staging import move_into_place, read_marker, staging_folder
from conceptlrp.statistics.intervals import effect
from conceptlrp.store import Store

_DIGITS = 16
# Games that get a page, and how long they are at least.
_GAMES, _LEAST_MOVES = 12, 20
# Reference boards of every channel that are looked at for positions to show.
_REFERENCES = 8


@dataclass(frozen=True)
class Site:
    """An atlas while it is written: what the `former` holds is not written again.

    Positions get pages where there is a network that explains them.
    """

    folder: Path
    store: Store
    target: str
    title: str
    count: int
    notes: Mapping[tuple[str, int], Note]
    strength: tuple[Any, ...] = ()
    former: Path | None = None
    explains: bool = False
    digests: dict[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """By what a browser keeps notes on channels: the same network, the same key."""
        return str(self.store.manifest.network.get("digest", ""))[:12]

    @cached_property
    def results(self) -> StoredResults:
        """What was derived from the store."""
        return StoredResults(self.store, self.target)

    @cached_property
    def names(self) -> Names:
        """Names of the channels that have one, by layer and channel."""
        return self.results.names

    @cached_property
    def chosen(self) -> tuple["ChosenPosition", ...]:
        """The positions that get a page, known before any page is written."""
        if not self.explains:
            return ()
        clusterings = self.results.clusterings
        return choose_positions(self.store, clusterings, target=self.target)

    @cached_property
    def position_rows(self) -> frozenset[int]:
        """Rows of the store that have a page, see `position_page`."""
        return frozenset(each.row for each in self.chosen)

    @cached_property
    def named(self) -> dict[str, StoredResults]:
        """What names channels, by the unit of the output that they explain."""
        kind = self.store.manifest.plan.value_kind
        every = (StoredResults(self.store, each) for each in self.store.targets)
        own = {unit_of(each.target, kind): each for each in every if each.names}
        return {"logits": self.results, **own, self.unit: self.results}

    @cached_property
    def chosen_games(self) -> tuple[int, ...]:
        """The games that get a page: those that most reference boards are of."""
        if not (self.explains and self.has_games):
            return ()
        return choose_games(self.store, target=self.target)

    @property
    def badges(self) -> Names:
        """What speaks for these names."""
        return self.results.badges

    @property
    def unit(self) -> str:
        """Unit of the relevance."""
        return unit_of(self.target, self.store.manifest.plan.value_kind)

    @property
    def relevance(self) -> str:
        """By which rules relevance is, and above which baseline."""
        return relevance_of(self.store.manifest.plan)

    @property
    def gradients(self) -> str:
        """Which operations are explained by their gradient, if any."""
        return gradient_words(self.store.manifest.plan.gradients)

    @property
    def board_note(self) -> str:
        """How numbers of channels and of the board belong together."""
        return board_words(self.store.manifest.plan)

    @cached_property
    def has_games(self) -> bool:
        """Whether positions are of games, and not boards alone."""
        return has_games(self.store)

    @property
    def games(self) -> str:
        """Of how many games the positions are, in words."""
        return games_words(self.store)

    @cached_property
    def provenance(self) -> tuple[tuple[str, str], ...]:
        """Where the numbers come from, as names with values."""
        return provenance(self.store, self.target)

    def write(self, address: str, template: str, **content: Any) -> None:
        """Write one page."""
        root = "../" * address.count("/")
        page = _TEMPLATES.get_template(template).render(site=self, root=root, **content)
        self.write_bytes(address, page.encode("utf-8", "backslashreplace"))

    def write_bytes(self, address: str, content: bytes) -> None:
        """Write one file, with the folders above it."""
        self.digests[address] = sha256(content).hexdigest()[:_DIGITS]
        Draft(self.folder, self.former).write(address, content)

    def write_marker(self) -> None:
        """Write the marker, last: the provenance in full, and all files."""
        record = {
            "encoding-type": _KIND,
            "encoding-version": "1",
            "title": self.title,
            "target": self.target,
            "store": asdict(self.store.manifest.plan),
            "clusterings": {
                layer: {"method": found.method, "seed": found.seed}
                for layer, found in self.results.clusterings.items()
            },
            "files": dict(sorted(self.digests.items())),
        }
        Draft(self.folder, self.former).write(MARKER, dumps(record, indent=True))


def concept_page(layer: str, channel: int) -> str:
    """Address of a channel's page, such as concepts/conv3/c0012.html."""
    return f"concepts/{file_stem(layer)}/c{channel:04d}.html"


def layer_page(layer: str, sheet: int = 0) -> str:
    """Address of a page of a layer: layers/conv3.html, then layers/conv3/2.html."""
    return f"layers/{file_stem(layer)}{f'/{sheet + 1}' if sheet else ''}.html"


def position_page(row: int) -> str:
    """Address of the page of a row of the store, such as positions/p0000123.html."""
    return f"positions/p{row:07d}.html"


def game_page(game: int) -> str:
    """Address of the page of a game of the store, such as games/g00012.html."""
    return f"games/g{game:05d}.html"


def cluster_page(layer: str, cluster: int) -> str:
    """Address of a cluster's page, such as clusters/conv3/k03.html; -1 is the noise."""
    name = "noise" if cluster < 0 else f"k{cluster:02d}"
    return f"clusters/{file_stem(layer)}/{name}.html"


@dataclass(frozen=True)
class ChosenPosition:
    """A row of the store that gets a page; each reason with the address it names."""

    row: int
    reasons: tuple[tuple[str, str | None], ...]


def choose_positions(
    store: Store,
    clusterings: Mapping[str, Clustering],
    *,
    target: int | str = 0,
    limit: int = 100,
) -> tuple[ChosenPosition, ...]:
    """Choose the middle of every cluster and the boards that most channels share."""
    reasons: dict[int, list[tuple[str, str | None]]] = {}
    for row, text, href in (*_medoids(clusterings), *_shared(store, target)):
        if row in reasons or len(reasons) < limit:
            reasons.setdefault(row, []).append((text, href))
    return tuple(ChosenPosition(row, tuple(reasons[row])) for row in sorted(reasons))


def choose_games(store: Store, *, target: int | str = 0) -> tuple[int, ...]:
    """Choose the whole games that most reference boards of all channels are of."""
    counts: Counter[int] = Counter()
    for layer in store.layers:
        table = store.references(layer, "share-top", target=target)
        if table is not None:
            rows = table.rows[table.rows >= 0]
            counts.update(store.positions.game[rows].tolist())
    games = store.positions.games
    known = games.standard & ((games.moves >= 0).sum(axis=1) >= _LEAST_MOVES)
    order = sorted(counts, key=lambda game: (-counts[game], game))
    return tuple(sorted([game for game in order if known[game]][:_GAMES]))


def _medoids(clusterings: Mapping[str, Clustering]) -> Iterator[tuple[int, str, str]]:
    for layer, clustering in clusterings.items():
        for number, rows in enumerate(clustering.typical(1)):
            for row in rows.tolist():
                text = f"nearest to the centre of cluster {number} of {layer}"
                yield row, text, cluster_page(layer, number)


def _shared(store: Store, target: int | str) -> Iterator[tuple[int, str, None]]:
    """Yield the boards that several channels have as reference, most channels first."""
    counts: Counter[int] = Counter()
    for layer in store.layers:
        table = store.references(layer, "share-top", target=target)
        if table is not None:
            best = table.rows[:, :_REFERENCES]
            counts.update(best[best >= 0].tolist())
    for row, channels in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        if channels > 1:
            text = f"among the {_REFERENCES} most relevant boards of "
            yield row, text + plural(channels, "channel"), None


def _shown(value: Any) -> Any:
    """Write characters that hide, or turn the direction, as escapes; keep lines."""
    if not isinstance(value, str) or isinstance(value, Markup) or value.isprintable():
        return value
    return "\n".join(visible(line) for line in value.split("\n"))


def make_templates(*packages: str) -> Environment:
    """Make an environment for the templates of packages, the first that has one."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(each) for each in packages]),
        autoescape=select_autoescape(default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    filters = (compact, count, effect, percent, plural, signed_percent)
    environment.filters |= {each.__name__: each for each in filters}
    environment.filters["signed"] = signed_amount
    pages = (cluster_page, concept_page, layer_page)
    boards = (drawn.explained_square, drawn.map_only, drawn.page_board)
    known = (*pages, game_page, position_page, *boards)
    environment.globals |= {each.__name__: each for each in known}
    environment.globals |= {"anchor": file_stem, "colors": level_colors()}
    environment.globals["how_to_read"] = HOW_TO_READ
    return environment


_TEMPLATES = make_templates("conceptlrp.atlas")


#: The file by which a folder is known to be an atlas; it lists the others.
MARKER: Final = "atlas.json"
_KIND: Final = "conceptlrp-atlas"
_ADDRESS: Final = re.compile(r"[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*")


@dataclass(frozen=True)
class Draft:
    """Where files are written that differ from `former`, the atlas that is updated."""

    folder: Path
    former: Path | None = None

    def write(self, address: str, content: bytes) -> None:
        """Write a file unless the former atlas has the same."""
        if self.former is not None and _holds(self.former / address, content):
            return
        path = self.folder / address
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


@contextmanager
def updated_folder(
    out: str | os.PathLike[str], *, overwrite: bool = False
) -> Iterator[Draft]:
    """Make or update an atlas; on failure it stays as it was. The marker comes last."""
    place = Path(out)
    refuse_existing(place, overwrite=overwrite)
    former = _read_marker(place) if os.path.lexists(place) else None
    with staging_folder(place) as folder:
        folder.mkdir()
        yield Draft(folder, None if former is None else place)
        if former is None:
            # Somebody may have put another one there meanwhile.
            refuse_existing(place, overwrite=False)
            move_into_place(folder, place)
        else:
            _apply(folder, place, former)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.stat().st_size == len(content) and path.read_bytes() == content
    except (FileNotFoundError, NotADirectoryError):
        return False


def read_atlas(place: Path) -> dict[str, Any] | None:
    """Read the marker of an atlas; whoever made it, its files lead nowhere outside."""
    record = read_marker(place, MARKER, _KIND) or {}
    files = record.get("files")
    is_list = isinstance(files, dict) and all(map(_ADDRESS.fullmatch, files))
    return record if is_list else None


def _read_marker(place: Path) -> dict[str, Any]:
    if not (place / MARKER).is_file():
        msg = (
            f"{place}: is not of the kind to be written (it has no {MARKER}) and is "
            "not replaced; choose another name"
        )
        raise OutputExistsError(msg)
    record = read_atlas(place)
    if record is not None:
        return record
    msg = (
        f"{place}: its {MARKER} does not list the files of the atlas, so that "
        "it cannot be brought up to date; choose another name"
    )
    raise OutputExistsError(msg)


def _apply(folder: Path, place: Path, former: Mapping[str, Any]) -> None:
    marker, own = folder / MARKER, former["files"]
    changed = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path != marker
    )
    # A marker that stays the same was not written again.
    files = json.loads(marker.read_bytes())["files"] if marker.exists() else own
    _check_own(place, changed, own)
    if marker.exists():
        either = {**former, "files": {**own, **files}}
        text = json.dumps(either).encode()
        known: dict[str, Any] = {"error": FileFormatError, "token": None}
        write_whole(place / MARKER, text, overwrite=True, **known)
    for address in changed:
        (place / address).parent.mkdir(parents=True, exist_ok=True)
        (folder / address).replace(place / address)
    for address in sorted(set(own).difference(files)):
        _remove(place, address)
    if marker.exists():
        marker.replace(place / MARKER)


def _check_own(place: Path, changed: list[str], own: Mapping[str, Any]) -> None:
    for address in changed:
        if address not in own and (place / address).exists():
            msg = (
                f"{place / address}: is not of the atlas and is not replaced; "
                "move it away"
            )
            raise OutputExistsError(msg)


def _remove(place: Path, address: str) -> None:
    """Remove a file, and the folders above it that are empty then."""
    path = place / address
    path.unlink(missing_ok=True)
    with suppress(OSError):
        for above in path.parents:
            if above == place:
                break
            above.rmdir()
