"""Experiments: many interventions at many positions, run together.

Relevance predicts what an output would lose; an intervention makes the change and
runs what lies above it again.

Shapes use K experiments, k of them in one run, N positions, n of them in a block, M
rows (a position in an experiment), T targets, A actions, c chosen channels of a
layer's C x H x W map and s chosen squares of it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from math import prod
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.errors import check_type
from conceptlrp.lrp.backends import Passed
from conceptlrp.lrp.batch import (
    as_array,
    batches,
    check_channel,
    explained_of,
    starts_of,
    value_of,
)
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.lrp.engine.trace import unknown_layer
from conceptlrp.lrp.interventions import Experiments, Intervened, Intervention
from conceptlrp.lrp.targets import Neuron, Target, parse_targets
from conceptlrp.othello import Corpus
from conceptlrp.othello.positions import Positions

if TYPE_CHECKING:
    from conceptlrp.lrp.explainer import Explainer

Array = NDArray[Any]
#: Feature maps (n, C, H, W) by layer.
Maps = Mapping[str, Tensor]

_MEMORY: Final = 1 << 26
_MOST_ROWS: Final = 256


def fitting_rows(explainer: "Explainer") -> int:
    """Return how many rows run at a time: each keeps the output of every operation."""
    propagation = explainer.propagation
    if isinstance(propagation, NativePropagation):
        shapes = list(propagation.engine.shapes.values())
    else:
        shapes = [tuple(shape.values()) for shape in explainer.shapes.values()]
    return int(np.clip(_MEMORY // (4 * sum(map(prod, shapes))), 1, _MOST_ROWS))


def intervene(
    explainer: "Explainer",
    positions: Positions,
    interventions: Experiments,
    *,
    targets: str | Target | Sequence[str | Target] = ("best",),
    batch_size: int | None = None,
) -> Intervened:
    """Run experiments at positions; see `Explainer.intervene`."""
    corpus, parsed = explainer.corpus(positions), parse_targets(targets, explainer.size)
    experiments = _experiments(interventions)
    shapes = {layer: tuple(s.values()) for layer, s in explainer.shapes.items()}
    edits = [[_checked(i, shapes, len(corpus)) for i in each] for each in experiments]
    donors = _donors(explainer, experiments, len(corpus))
    limit = fitting_rows(explainer) if batch_size is None else batch_size
    blocks = []
    for rows in batches(len(corpus), limit):
        donated = {key: explainer.maps(d[rows]) for key, d in donors.items()}
        chosen = [target.take(rows) for target in parsed]
        with explainer.run(corpus[rows]) as passed:
            block = _Block(passed, corpus[rows], chosen, rows, donated)
            blocks.append((block.before, block.after(edits, limit), block.squares))
    before, after, squares = zip(*blocks, strict=True)
    logits, value, explained = (np.concatenate(p) for p in zip(*before, strict=True))
    again = [np.concatenate(parts, axis=1) for parts in zip(*after, strict=True)]
    return Intervened(
        experiments=experiments,
        targets=tuple(target.name for target in parsed),
        positions=corpus,
        squares=np.concatenate(squares),
        before=explained,
        explained=again[2],
        logits_before=logits,
        logits=again[0],
        value_before=value,
        value=again[1],
    )


@dataclass(frozen=True, eq=False)
class _Edit:
    """An intervention that was checked, its units as an index of a map (n, C, H, W).

    ``values`` is (N or 1, c, ...); for "replace", ``key`` says whose maps are taken.
    """

    layer: str
    index: tuple[Any, ...]
    action: str
    values: Array
    key: int

    def apply(self, maps: Tensor, rows: slice, donated: Mapping[int, Maps]) -> None:
        """Change the maps (n, C, H, W) of some positions in place."""
        if self.action == "replace":
            maps[self.index] = donated[self.key][self.layer][self.index]
            return
        values = self.values if len(self.values) == 1 else self.values[rows]
        found = torch.from_numpy(np.array(values)).to(maps)
        scaled = self.action == "scale"
        maps[self.index] = maps[self.index] * found if scaled else found


@dataclass(frozen=True, eq=False)
class _Block:
    """A forward pass of some positions and what is followed there.

    ``squares`` and ``opposed`` (n, T) are the moves that targets mean.
    """

    passed: Passed
    corpus: Corpus
    targets: list[Target]
    rows: slice
    donated: Mapping[int, Maps]

    @cached_property
    def squares(self) -> Array:
        """Moves (n, T) that the targets mean, by the network as it is."""
        logits = as_array(self.passed.outputs["policy"])
        return np.stack([t.squares_at(self.corpus, logits) for t in self.targets], 1)

    @cached_property
    def opposed(self) -> Array:
        """Moves (n, T) that contrasts subtract."""
        logits = as_array(self.passed.outputs["policy"])
        return np.stack([t.opposed_at(self.corpus, logits) for t in self.targets], 1)

    @cached_property
    def before(self) -> tuple[Array, Array, Array]:
        """Logits (n, A), value (n,) and targets (n, T) of the network as it is."""
        return self._outcome({**self.passed.outputs, **self.passed.features}, 1)

    def _outcome(self, tensors: Maps, times: int) -> tuple[Array, Array, Array]:
        """Return what rows of the positions say, all of them so many times."""
        squares, opposed = (
            np.tile(moves, (times, 1)) for moves in (self.squares, self.opposed)
        )
        size = self.corpus.size
        starts = starts_of(tensors, self.targets, squares, opposed, size)
        return as_array(tensors["policy"]), value_of(tensors), explained_of(starts)

    def after(self, edits: list[list[_Edit]], limit: int) -> tuple[Array, ...]:
        """Return logits (K, n, A), value (K, n) and targets (K, n, T) after each."""
        places = {layer: place for place, layer in enumerate(self.passed.features)}
        lowest = [min(places[edit.layer] for edit in each) for each in edits]
        found: dict[int, tuple[Array, ...]] = {}
        # Only what lies above the lowest changed layer runs again, so experiments that
        # begin at the same one run together.
        order = sorted(range(len(edits)), key=lowest.__getitem__)
        for _, group in groupby(order, lowest.__getitem__):
            members, step = list(group), max(1, limit // len(self.corpus))
            for first in range(0, len(members), step):
                chunk = members[first : first + step]
                outcomes = self._run([edits[k] for k in chunk])
                found.update(zip(chunk, zip(*outcomes, strict=True), strict=True))
        every = zip(*(found[k] for k in range(len(edits))), strict=True)
        return tuple(np.stack(each) for each in every)

    def _run(self, chunk: list[list[_Edit]]) -> list[Array]:
        """Run k experiments in one batch, those of one experiment behind each other."""
        k, n = len(chunk), len(self.corpus)
        layers = dict.fromkeys(edit.layer for each in chunk for edit in each)
        rows = torch.arange(n).repeat(k)

        def edited(layer: str, maps: Tensor) -> Tensor:
            maps = maps.clone()
            for each, part in zip(chunk, torch.split(maps, n), strict=True):
                for edit in each:
                    if edit.layer == layer:
                        edit.apply(part, self.rows, self.donated)
            return maps

        moved = np.zeros(k * n, np.bool_)
        for layer in layers:
            kept = self.passed.features[layer][rows]
            moved |= as_array((edited(layer, kept) != kept).flatten(1).any(1))
        neurons = {
            target.layer for target in self.targets if isinstance(target, Neuron)
        }
        changes = {layer: partial(edited, layer) for layer in layers}
        found = self._outcome(self.passed.run_with(changes, rows, layers=neurons), k)
        # Batches of other sizes round differently, so what nothing was done to would
        # not be exactly as before.
        return [
            np.where(
                moved.reshape(-1, *[1] * (after.ndim - 1)),
                after,
                np.concatenate([before] * k),
            ).reshape(k, n, *after.shape[1:])
            for after, before in zip(found, self.before, strict=True)
        ]


def _experiments(given: Experiments) -> tuple[tuple[Intervention, ...], ...]:
    """Return experiments as interventions that are made at once."""
    listed = [given] if isinstance(given, Intervention) else given
    expected = "an Intervention or a list of them"
    check_type(listed, Sequence, "interventions", expected)
    found = [(e,) if isinstance(e, Intervention) else e for e in listed]
    for place, each in enumerate(found):
        check_type(each, Sequence, f"experiment {place}", expected)
        for made in each:
            check_type(
                made, Intervention, f"experiment {place} holds one that", expected
            )
        if not each:
            msg = f"experiment {place} is empty, expected {expected}"
            raise ValueError(msg)
    if not found:
        msg = "there are no experiments, expected one Intervention or more"
        raise ValueError(msg)
    return tuple(map(tuple, found))


def _donors(
    explainer: "Explainer", experiments: tuple[tuple[Intervention, ...], ...], n: int
) -> dict[int, Corpus]:
    """Return the donors of every "replace", one for each of n positions."""
    given = {
        id(made.value): made.value
        for each in experiments
        for made in each
        if made.action == "replace"
    }
    donors = {key: explainer.corpus(value) for key, value in given.items()}
    for corpus in donors.values():
        if len(corpus) != n:
            msg = (
                f"there are {len(corpus):,} donors for {n:,} positions, expected one "
                "for each"
            )
            raise ValueError(msg)
    return donors


def _checked(
    made: Intervention, shapes: Mapping[str, tuple[int, ...]], n: int
) -> _Edit:
    """Find the units of an intervention, or say what is wrong with it."""
    if made.layer not in shapes:
        raise unknown_layer(made.layer, shapes)
    n_channels, height, width = shapes[made.layer]
    channels = _numbers(made.channels, n_channels, f"channels of '{made.layer}'")
    for channel in (channels.min(), channels.max()):
        check_channel(made.layer, int(channel), n_channels)
    index: tuple[Any, ...] = (slice(None), torch.from_numpy(channels))
    chosen: tuple[int, ...] = (n, len(channels), height, width)
    if made.squares is not None:
        squares = _numbers(made.squares, height * width, f"squares of '{made.layer}'")
        if squares.min() < 0 or squares.max() >= height * width:
            msg = (
                f"squares of '{made.layer}' are {squares.min()} to {squares.max()}, "
                f"expected 0 to {height * width - 1}: its map is {height} x {width}"
            )
            raise ValueError(msg)
        places = (torch.from_numpy(p) for p in np.divmod(squares, width))
        index = (slice(None), index[1][:, None], *places)
        chosen = (n, len(channels), len(squares))
    replaces = made.action == "replace"
    values = np.zeros(()) if replaces else _values(made, chosen)
    return _Edit(made.layer, index, made.action, values, id(made.value))


def _numbers(given: Any, count: int, what: str) -> NDArray[np.int64]:
    """Return numbers of channels or squares, all of them for None."""
    array = np.arange(count) if given is None else np.atleast_1d(np.asarray(given))
    if array.ndim != 1 or array.size == 0 or array.dtype.kind not in "iu":
        msg = f"{what} are {given!r}, expected whole numbers"
        raise ValueError(msg)
    return array.astype(np.int64)


def _values(made: Intervention, chosen: tuple[int, ...]) -> Array:
    """Return the value as (N or 1, c, ...), a number for all positions alike."""
    try:
        array = np.asarray(as_array(v) if isinstance(v := made.value, Tensor) else v)
    except ValueError:
        msg = f"value for '{made.layer}' has rows of other lengths, expected an array"
        raise ValueError(msg) from None
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        msg = f"value for '{made.layer}' is {array}, expected finite numbers"
        raise ValueError(msg)
    try:
        np.broadcast_to(array, chosen)
    except ValueError:
        msg = (
            f"value for '{made.layer}' has shape {array.shape}, expected a number or "
            f"what broadcasts to {chosen}"
        )
        raise ValueError(msg) from None
    return array.reshape((1,) * (len(chosen) - array.ndim) + array.shape)
