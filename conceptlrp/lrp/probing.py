"""Outputs and relevance of any board, without a corpus or a store.

Boards need not occur in a game and moves need not be legal on them: perturbed and
empty boards are asked about too. An action is a square of the board row by row, or
n * n for the pass; `VALUE` stands for the value before tanh.

Shapes use N positions, T actions asked about at each, K channels, n x n squares and
A actions in all.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.attribution import join
from conceptlrp.lrp.backends import Passed
from conceptlrp.lrp.batch import as_array, channel_rows, value_of
from conceptlrp.lrp.engine.trace import as_outputs
from conceptlrp.lrp.inputs import products_in
from conceptlrp.networks.planes import crop
from conceptlrp.othello import Corpus
from conceptlrp.othello.board import to_boards

VALUE = -1

Array = NDArray[Any]
Boards = NDArray[np.int8]


@dataclass(frozen=True)
class Outputs:
    """Policy logits (N, A) and the value (N,) before tanh, nan without a value head."""

    logits: Array
    value: Array

    def of(self, actions: ArrayLike) -> Array:
        """Return the output (N,) that each action means."""
        asked = np.asarray(actions)
        logits = self.logits[np.arange(len(asked)), np.maximum(asked, 0)]
        return np.where(asked == VALUE, self.value, logits)


@dataclass(frozen=True)
class Relevance:
    """Relevance of N boards for T actions each.

    ``explained`` (N, T) are the outputs from which relevance starts, ``heatmap``
    (N, T, n, n) is input relevance, ``channels`` (N, T, C) and ``conditional``
    (N, T, K, n, n) are by layer.
    """

    explained: Array
    heatmap: Array
    channels: dict[str, Array]
    conditional: dict[str, Array]

    @property
    def one_hot(self) -> Array:
        """Heatmaps (N, T, S) as if relevance started as 1, whatever the output.

        Started as the output itself, a heatmap changes its sign with the output, and
        cosines of equal pictures would cancel on average.
        """
        flat = self.heatmap.reshape(*self.explained.shape, -1)
        start = self.explained[..., None]
        return np.divide(flat, start, out=np.zeros_like(flat), where=start != 0)


def ask(explainer: Explainer, boards: Boards, *, batch_size: int = 1024) -> Outputs:
    """Run a network on boards (N, n, n)."""
    logits, values = [], []
    with torch.no_grad(), products_in(tf32=explainer.tf32):
        for first in range(0, len(boards), batch_size):
            part = planes_of(explainer, boards[first : first + batch_size])
            pair = as_outputs(explainer.network(part))
            logits.append(as_array(pair[0]))
            values.append(_value(pair, len(part)))
    return Outputs(np.concatenate(logits), np.concatenate(values))


def ask_with(
    explainer: Explainer,
    boards: Boards,
    layer: str,
    mask: NDArray[np.bool_],
    values: Array,
    times: int = 1,
) -> Outputs:
    """Run a network on boards, each so many times, with changed maps of a layer.

    Shapes: `mask` (N * times, ...) and `values` (N or 1, ...), both of a map (C, H, W);
    values stand where the mask holds.
    """
    rows = torch.arange(len(boards), device=explainer.device).repeat_interleave(times)
    instead = torch.from_numpy(values).to(explainer.device, explainer.dtype)
    where = torch.from_numpy(mask).to(explainer.device)
    change = (where, instead[rows] if len(instead) > 1 else instead)
    with forward(explainer, boards) as passed:
        found = passed.run_with({layer: change}, rows)
        return Outputs(as_array(found["policy"]), value_of(found))


def explain_boards(
    explainer: Explainer,
    boards: Boards,
    actions: ArrayLike,
    *,
    conditional: Mapping[str, NDArray[np.int64]] | None = None,
    batch_size: int = 64,
) -> Relevance:
    """Explain actions (N, T) on boards (N, n, n), above the explainer's baseline.

    `conditional` names channels (N, K) of layers to explain the actions through.
    """
    asked = np.asarray(actions, np.int64)
    above = explainer.baseline_for(None)
    above.check(explainer.shapes, len(boards))
    parts = []
    for first in range(0, len(boards), batch_size):
        rows = slice(first, first + batch_size)
        wanted = {layer: c[rows] for layer, c in (conditional or {}).items()}
        planes = planes_of(explainer, boards[rows])
        with explainer.forward(planes, baseline=above.take(rows)) as passed:
            parts.append(_explain(passed, asked[rows], wanted))
    names = [field.name for field in fields(Relevance)]
    return Relevance(**{n: join([getattr(part, n) for part in parts]) for n in names})


def boards_of(corpus: Corpus) -> Boards:
    """Return the boards (N, n, n): +1 for the side to move, -1 for the other side."""
    boards = to_boards(corpus.own, corpus.opponent)
    return crop(boards, size=corpus.size)[:, 0]


def best_actions(logits: Array, legal: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the legal action (...,) with the highest of logits (..., A)."""
    best: NDArray[np.int64] = np.where(legal, logits, -np.inf).argmax(axis=-1)
    return best


def forward(explainer: Explainer, boards: Boards) -> AbstractContextManager[Passed]:
    """Run a network on boards (N, n, n), for relevance to flow meanwhile."""
    return explainer.forward(planes_of(explainer, boards))


def planes_of(explainer: Explainer, boards: Boards) -> Tensor:
    """Return boards (N, n, n) as the planes (N, P, n, n) that a network reads."""
    planes = torch.from_numpy(explainer.encoding(boards))
    return planes.to(explainer.device, explainer.dtype)


def starts_of(passed: Passed, actions: NDArray[np.int64]) -> dict[str, Tensor]:
    """Return where relevance of actions (N, T) starts: as the output itself."""
    starts: dict[str, Tensor] = {}
    for name, output in passed.outputs.items():
        asked = (actions == VALUE) if name == "value" else (actions != VALUE)
        if not asked.any():
            continue
        places = np.zeros((*actions.shape, output.shape[1]), np.bool_)
        column = np.where(asked, np.maximum(actions, 0), 0)
        np.put_along_axis(places, column[..., None], asked[..., None], axis=2)
        mask = torch.from_numpy(places).to(output.device)
        starts[name] = output.detach()[:, None] * mask
    return starts


def _explain(
    passed: Passed, actions: NDArray[np.int64], wanted: Mapping[str, NDArray[np.int64]]
) -> Relevance:
    starts = starts_of(passed, actions)
    planes, layers = passed.relevance(starts)
    channels = {
        layer: channel_rows(layer, rows, passed.features[layer])
        for layer, rows in wanted.items()
    }
    maps = passed.conditional(layers, channels)[0] if channels else {}
    return Relevance(
        as_array(torch.stack([s.sum(2) for s in starts.values()]).sum(0)),
        as_array(planes.sum(2)),
        {layer: as_array(r.sum((3, 4))) for layer, r in layers.items()},
        {layer: as_array(found) for layer, found in maps.items()},
    )


def _value(outputs: tuple[Tensor, ...], n: int) -> Array:
    if len(outputs) == 1:
        return np.full(n, np.nan, np.float32)
    return as_array(outputs[1].flatten(1)[:, 0])
