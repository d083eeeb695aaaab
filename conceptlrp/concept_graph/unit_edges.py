"""Edges between the units of a circuit, ranked by relevance and tested one by one.

A unit u reads a unit v of the layer below by a weight w, so v gives it w (a - b) above
the baseline b. With m, relevance of u per unit of what it sums, the edge carries

    E[u, v] = m[u] w[u, v] (a[v] - b[v])

Summed over u that is the relevance of v above the baseline. Putting the baseline of v
into u alone, and running what is above, tells what the edge does: path patching
(Goldowsky-Dill et al., arXiv:2304.05969) of a path of one edge. Gates and biases of
single units may lie between u and v; layers that a norm or a pooling parts have no
edges.

Shapes use N positions, E edges, C channels above and D channels below.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from conceptlrp.concept_graph.units import Block, KeptUnits
from conceptlrp.lrp.engine.flows import Wire, adjacent_layers
from conceptlrp.lrp.engine.native import Replaced, rerun
from conceptlrp.lrp.engine.tangents import tap_sites
from conceptlrp.store.results.codec import Shape

Pair = tuple[str, str]
Places = Annotated[NDArray[np.int64], Shape("E")]
Values = Annotated[NDArray[np.float64], Shape("E")]
_ROWS_AT_ONCE = 256


@dataclass(frozen=True, eq=False)
class UnitEdges:
    """The strongest edges between the kept units of two layers.

    Attributes
    ----------
    upper, lower : int64 array of shape (E,)
        Units, counted along channels, rows and columns of their layer's map.
    relevance : float64 array of shape (E,)
        What the lower unit gives the upper one above the baseline, towards the output's
        change: a mean over positions, in the unit of the output.
    effect : float64 array of shape (E,)
        What the output loses when the upper unit alone reads the baseline in the place
        of the lower, likewise; nan where it was not tested.
    """

    upper: Places
    lower: Places
    relevance: Values
    effect: Values

    def __repr__(self) -> str:
        return f"<{len(self.upper)} edges between units>"


@dataclass(frozen=True)
class _Wires:
    """Edges of a pair of layers: at each tap, which site above reads which below."""

    pair: Pair
    wire: Wire
    operation: str
    weight: Tensor  # (C, D, taps)
    sites: NDArray[np.int64]  # (sites above, taps), -1 beyond the edge


def strongest_edges(
    runner: KeptUnits, kept: Tensor, count: int
) -> dict[Pair, UnitEdges]:
    """Find and test the `count` edges between kept units (M, U) that carry most."""
    found = [(wires, *_carried(runner, kept, wires, count)) for wires in _wires(runner)]
    sizes = np.sort([abs(r) for *_, relevance in found for r in relevance])[::-1]
    least = sizes[:count].min(initial=np.inf)
    edges = {}
    for wires, upper, lower, relevance in found:
        chosen = np.abs(relevance) >= least
        ends = upper[chosen], lower[chosen]
        effect = _tested(runner, kept, wires, *ends)
        edges[wires.pair] = UnitEdges(*ends, relevance[chosen], effect)
    return edges


def _wires(runner: KeptUnits) -> Iterator[_Wires]:
    owner = runner.propagation
    program = owner.engine.program
    nodes = {layer: owner.nodes[layer] for layer in owner.layers}
    for pair, wire in adjacent_layers(program, nodes).items():
        if wire is None:
            continue
        name = wire.operation.name
        channels, height, width = runner.units.shapes[pair[1]]
        if program.operations[name].kind == "conv":
            rule = owner.engine.rules[name]
            sites = tap_sites(rule.geometry, height, width)
            yield _Wires(pair, wire, name, rule.weight.flatten(2), sites)
        else:
            weight = torch.eye(channels, device=runner.explainer.device)[..., None]
            sites = np.arange(height * width)[:, None]
            yield _Wires(pair, wire, name, weight.to(runner.explainer.dtype), sites)


def _carried(
    runner: KeptUnits, kept: Tensor, wires: _Wires, count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return upper and lower units and relevance of the strongest edges of a pair."""
    ends = list(_ends(runner, kept, wires))
    found: list[list[NDArray[Any]]] = []
    for tap, sites in enumerate(wires.sites.T):
        (above,) = np.nonzero(sites >= 0)
        below = sites[above]
        # What edges of one tap carry is a product of two vectors at every site.
        carried = sum(
            torch.einsum("ncs,nds->scd", slope[:, :, above], gain[:, :, below])
            for slope, gain in ends
        )
        carried = carried * wires.weight[:, :, tap].to(carried) / len(runner)
        place = carried.abs().flatten().topk(min(count, carried.numel())).indices
        site, upper, lower = np.unravel_index(place.numpy(), carried.shape)
        found.append(
            [
                upper * len(wires.sites) + above[site],
                lower * runner.sites(wires.pair[1]) + below[site],
                carried.flatten()[place].numpy(),
            ]
        )
    uppers, lowers, relevance = (np.concatenate(e) for e in zip(*found, strict=True))
    order = np.argsort(-np.abs(relevance), kind="stable")[:count]
    order = order[relevance[order] != 0]
    return uppers[order], lowers[order], relevance[order]


def _ends(
    runner: KeptUnits, kept: Tensor, wires: _Wires
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield, of every block, m (N, C, S) of kept units and a - b (N, D, S') below."""
    upper, lower = wires.pair
    held = runner.units.split(kept)[upper]
    for block in runner.blocks(runner.units, kept):
        passed, own = block.passed, held if len(kept) == 1 else held[block.rows]
        # What the upper units sum, before their activation.
        sums = passed.passed.values[wires.operation]
        relevance = passed.relevance_at(block.starts(), wires.operation)[:, 0]
        slope = torch.where(sums != 0, relevance / sums, torch.zeros_like(sums))
        slope = slope.cpu() * own * block.signs.cpu()[:, None, None, None]
        lifts = passed.passed.lifts({passed.owner.nodes[lower]: runner.baseline[lower]})
        source = passed.passed.values[wires.wire.source]
        gain = wires.wire.share(passed.passed, source, 1.0, lifts)
        yield slope.flatten(2).double(), gain.cpu().flatten(2).double()


def _tested(
    runner: KeptUnits,
    kept: Tensor,
    wires: _Wires,
    upper: NDArray[np.int64],
    lower: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Return the mean effect (E,) of each edge on the output."""
    total = np.zeros(len(upper))
    if not len(upper):
        return total
    for block in runner.blocks(runner.units, kept):
        before = block.followed(block.passed.outputs)
        step = max(1, _ROWS_AT_ONCE // len(block))
        for first in range(0, len(upper), step):
            some = slice(first, first + step)
            found = _without_edges(block, wires, upper[some], lower[some])
            after = block.followed(found, times=len(upper[some]))
            change = before[:, None] - after.reshape(len(block), -1)
            total[some] += (block.signs[:, None] * change).sum(0).cpu().numpy()
    return total / len(runner)


def _without_edges(
    block: Block, wires: _Wires, upper: NDArray[np.int64], lower: NDArray[np.int64]
) -> dict[str, Tensor]:
    """Return the outputs (N E, A) of a block without each of E edges alone."""
    runner, passed, (_, low) = block.runner, block.passed, wires.pair
    above, below = len(wires.sites), runner.sites(low)
    tap = (wires.sites[upper % above] == (lower % below)[:, None]).argmax(1)
    weight = wires.weight[upper // above, lower // below, tap]
    read = passed.passed.values[wires.wire.source]
    without = wires.wire.carry(passed.passed, runner.baseline[low])
    gain = (read - without).flatten(1)[:, lower]
    sums = passed.passed.values[wires.operation]
    n, k = len(sums), len(upper)
    edges, device = torch.arange(k, device=sums.device), sums.device
    changed = sums.flatten(1)[:, None].repeat(1, k, 1)
    changed[:, edges, torch.from_numpy(upper).to(device)] -= gain * weight
    rows = torch.arange(n, device=device).repeat_interleave(k)
    changes: dict[str, Replaced] = {
        wires.operation: (None, changed.reshape(n * k, *sums.shape[1:]))
    }
    owner = passed.owner
    order = [*owner.engine.program.operations]
    for layer, (mask, values) in block.changes.items():
        # Units above that are no part of the circuit stay at the baseline.
        node = owner.nodes[layer]
        if order.index(node) > order.index(wires.operation):
            assert mask is not None
            changes[node] = (mask if len(mask) == 1 else mask[rows], values)
    found = rerun(passed.passed, changes, rows)
    outputs = {}
    for name in passed.outputs:
        node = owner.nodes[name]
        kept = found[node] if node in found else passed.passed.values[node][rows]
        outputs[name] = kept.flatten(1)
    return outputs
