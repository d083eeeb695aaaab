"""The network and the store behind the explorer: one question at a time.

A store that was added to or computed anew by the same plan is opened again. Where
another one stands in its place, nothing is answered any more.

Requests come in many threads. The engine answers one after the other and remembers
the last answers, so that a flood of requests waits in line instead of using memory.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache, partial
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from conceptlrp.errors import LayerError, StoreError
from conceptlrp.explorer.search import ExplainedNetwork, SearchedMove, searched_moves
from conceptlrp.explorer.state import Change
from conceptlrp.lrp import Explainer, Intervened, Intervention, Target
from conceptlrp.lrp.baselines import Baseline, mean_baseline
from conceptlrp.othello import BLACK, Position
from conceptlrp.reference import ReferenceBoards, reference_boards
from conceptlrp.reference.boards import ReferenceBoard, describe_boards
from conceptlrp.report import PositionReport, position_report
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.stored_layer import StoredResults
from conceptlrp.report.words.relevance import board_words, relevance_of
from conceptlrp.store import Store
from conceptlrp.store.format.manifest import Manifest

# A report of a network with 512 channels is about 1.5 MB.
_REPORTS, _REFERENCES, _SEARCHES = 24, 128, 8
# Of boards like one.
_SIMILAR = 8


class StoreReplacedError(StoreError):
    """A store that is not any more what it was when it was opened."""


class ExplorerEngine:
    """Explains positions and finds reference boards, for many threads.

    Parameters
    ----------
    explainer, store : Explainer, Store
        The network with a composite, and where reference boards come from.
    n_channels, n_boards : int, int
        Top channels of each layer, and reference boards in a strip.
    """

    def __init__(
        self,
        explainer: Explainer,
        store: Store,
        *,
        n_channels: int = 8,
        n_boards: int = 6,
    ) -> None:
        if store.baseline.kind == "donor":
            msg = (
                f"{store.path}: its relevance is above the maps of donors, which only "
                "its own positions have; explain the corpus above 'mean' to explore"
            )
            raise StoreError(msg)
        self._explainer, self._counts = explainer, (n_channels, n_boards)
        self.size, self.value_kind = explainer.size, explainer.value_kind
        self.layers = {
            layer: shape["channels"] for layer, shape in explainer.shapes.items()
        }
        self._lock = Lock()
        self._watching = Lock()
        self._open(store)

    def _open(self, store: Store) -> None:
        self.store, self._seen = store, store.current_manifest()
        explainer, (n_channels, n_boards) = self._explainer, self._counts
        self._results = lru_cache(partial(StoredResults, store))
        self._search = lru_cache(_SEARCHES)(partial(searched_moves, explainer))
        self._outcomes = lru_cache(_SEARCHES)(partial(_outcomes, explainer))
        self._similar = lru_cache(_REFERENCES)(partial(_similar, store))
        explain = partial(position_report, explainer, store=store, count=n_channels)
        find = partial(reference_boards, store, count=n_boards)
        self._report = lru_cache(_REPORTS)(explain)
        self._boards = lru_cache(_REFERENCES)(find)
        self._steer = lru_cache(_REFERENCES)(partial(_steered, explainer, store))

    @contextmanager
    def one_store(self) -> Iterator[None]:
        """Refuse answers from another store, or from two states of this one."""
        begun = self._state()
        yield
        if self._state() is not begun:
            msg = "the store was changed while it was read; load the page again"
            raise StoreReplacedError(msg)

    def _state(self) -> Manifest:
        """Return the manifest of the open store, which is opened again if it grew."""
        with self._watching:
            found = self.store.current_manifest()
            if found is not self._seen:
                if found.plan != self._seen.plan:
                    msg = (
                        "another store stands in the place of the one that was opened; "
                        "stop 'conceptlrp serve' and start it again"
                    )
                    raise StoreReplacedError(msg)
                with self._lock:
                    self._open(Store(self.store.path))
            return self._seen

    @property
    def relevance(self) -> str:
        """By which rules relevance is, and above which baseline."""
        return relevance_of(self.store.manifest.plan)

    @property
    def board_note(self) -> str:
        """How numbers of channels and of the board belong together."""
        return board_words(self.store.manifest.plan)

    @property
    def name(self) -> str:
        """Name of the network."""
        return str(self.store.manifest.network.get("name", "")) or "a network"

    def report(
        self, position: Position, move: str | None, against: str | None
    ) -> PositionReport:
        """Explain a position, see `position_report`; remember it for a while."""
        with self._lock:
            return self._report(position, move=move, against=against)

    def references(
        self, layer: str, channel: int, output: str
    ) -> tuple[ReferenceBoards, ReferenceBoards]:
        """Find the most relevant and the most opposed reference boards of a channel.

        `output` is "value" or a move: boards are ranked by relevance for the store's
        target of that kind, as far as there is one.
        """
        self.check_channel(layer, channel)
        target = self._target(output)
        with self._lock:
            relevant, opposed = (
                self._boards(layer, channel, target=target, lowest=lowest)
                for lowest in (False, True)
            )
            return relevant, opposed

    def results(self, output: str) -> StoredResults:
        """Return what names channels: for the store's target of this kind, or others.

        Where there are no names by the one, those by another are better than numbers.
        """
        chosen = self._target(output)
        with self._lock:
            every = sorted(self.store.targets, key=lambda target: target != chosen)
            found = [self._results(target) for target in every]
            # Read here, where no other thread reads the store.
            return next((each for each in found if each.badges), found[0])

    def search(self, position: Position, simulations: int) -> tuple[SearchedMove, ...]:
        """Search a position; see `searched_moves`."""
        with self._lock:
            return self._search(position, simulations)

    def similar(
        self, position: Position, layer: str, output: ExplainedOutput
    ) -> tuple[ReferenceBoard, ...]:
        """Find other positions whose channels are relevant alike, each board once.

        They are compared by the cosine of relevance for the store's target of the kind
        of `output`.
        """
        self.check_channel(layer, 0)
        vector = tuple(output.layers[layer].relevance.tolist())
        with self._lock:
            return self._similar(position, layer, vector, self._target(output.target))

    def outcomes(self, positions: tuple[Position, ...]) -> list[float]:
        """Tell the expected outcome for black, -1 to 1, nan without a value."""
        with self._lock:
            return self._outcomes(positions)

    def _target(self, output: str) -> str:
        targets = self.store.targets
        unit = Target.parse(output).unit
        fitting = [t for t in targets if Target.parse(t).unit == unit]
        return (fitting or targets)[0]

    def steer(self, position: Position, changes: tuple[Change, ...]) -> Intervened:
        """Change channels at a position; see `ExplorerState.changes`."""
        for layer, channel, _ in changes:
            self.check_channel(layer, channel)
        with self._lock:
            return self._steer(position, changes)

    def check_channel(self, layer: str, channel: int) -> None:
        """Refuse a channel that the network does not have."""
        if layer not in self.layers:
            known = ", ".join(self.layers)
            msg = f"unknown layer {layer[:40]!r}, expected one of {known}"
            raise LayerError(msg)
        if not 0 <= channel < self.layers[layer]:
            msg = (
                f"layer '{layer}' has channels 0 to {self.layers[layer] - 1}, "
                f"not {channel}"
            )
            raise LayerError(msg)


def _steered(
    explainer: Explainer,
    store: Store,
    position: Position,
    changes: tuple[Change, ...],
) -> Intervened:
    made = []
    for layer, channel, change in changes:
        if change == "mean":
            mean = _mean(explainer, store).maps[layer][channel]
            made.append(Intervention(layer, channel, value=mean))
        else:
            scale = Intervention(layer, channel, action="scale", value=float(change))
            made.append(scale)
    return explainer.intervene(position, [made])


def _outcomes(explainer: Explainer, positions: tuple[Position, ...]) -> list[float]:
    own, opponent = (
        np.array([getattr(each, side) for each in positions], np.uint64)
        for side in ("own", "opponent")
    )
    _, value = ExplainedNetwork(explainer)(own, opponent)
    signs = [1 if each.mover == BLACK else -1 for each in positions]
    return [sign * float(each) for sign, each in zip(signs, value, strict=True)]


def _similar(
    store: Store,
    position: Position,
    layer: str,
    vector: tuple[float, ...],
    target: str,
) -> tuple[ReferenceBoard, ...]:
    boards = store.positions.own, store.positions.opponent
    other = (boards[0] != position.own) | (boards[1] != position.opponent)
    other[_repeated(store)] = False
    found = store.nearest(layer, vector, _SIMILAR, target=target, where=other)
    return describe_boards(store, found)


@lru_cache(1)
def _repeated(store: Store) -> NDArray[np.int64]:
    """Rows of boards that an earlier row has."""
    boards = store.positions.own, store.positions.opponent
    order = np.lexsort(boards)
    same = np.logical_and.reduce(
        [each[order][1:] == each[order][:-1] for each in boards]
    )
    return order[1:][same]


@lru_cache(1)
def _mean(explainer: Explainer, store: Store) -> Baseline:
    """Return the mean that the store has, or take one over its positions."""
    kept = store.baseline
    return kept if kept.kind == "mean" else mean_baseline(explainer, store.positions)
