"""Finding the circuit of positions that have something in common.

Shapes use N positions and U units.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from conceptlrp.ablation.sample import FollowedSample, follow_rows, spread_rows
from conceptlrp.concept_graph import rankings
from conceptlrp.concept_graph.circuit_result import CHANNELS, OWN, Circuit, KeptLayer
from conceptlrp.concept_graph.curves import KeptCurve, trace_curve
from conceptlrp.concept_graph.selection import select_rows
from conceptlrp.concept_graph.unit_edges import strongest_edges
from conceptlrp.concept_graph.units import KeptUnits
from conceptlrp.errors import check_type
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import Baseline, mean_baseline
from conceptlrp.lrp.one_call import check_explains
from conceptlrp.networks.checkpoint import checked_network
from conceptlrp.progress import OnProgress
from conceptlrp.store import open_store

if TYPE_CHECKING:
    from conceptlrp.networks.checkpoint import AnyNetwork
    from conceptlrp.store.columns import Condition
    from conceptlrp.store.reader import AnyStore

# Of fewer games, half would rank units too poorly to test anything.
_FEW_GAMES: Final = 20
#: Parts of the units at which curves are taken.
PARTS: Final = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)


def circuit(
    store: "AnyStore",
    network: "AnyNetwork",
    *,
    target: int | str = 0,
    rows: int | Sequence[int] | None = None,
    where: "Condition" = None,
    label: str | None = None,
    cluster: str | None = None,
    move: str | None = None,
    name: str | None = None,
    part: float = 0.85,
    each: bool = False,
    method: str = "pruned",
    n_positions: int = 400,
    n_edges: int = 100,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Circuit:
    """Find the smallest set of units that keeps a part of an output.

    A unit is one square of a channel's map; those of all layers of the store compete.
    Units are ranked by relevance above the mean (the Epsilon rule), pruned in rounds of
    a tenth, and as many are kept as it takes; all others have their mean over the
    corpus. What is lost when exactly those are set to the mean is told beside it, and
    what as many units of other rankings keep. One half of the games ranks the units of
    a circuit that positions share, the other tests it.

    Parameters
    ----------
    store : Store or path
        Where positions, targets and layers come from.
    network : Module or path
        The network that the store explains, in evaluation mode.
    target : int or str
        Index or name of the explained output.
    rows : int or sequence of int, optional
        The positions themselves, as rows of the store.
    where : Where or bool array of shape (N,), optional
        Conditions that positions meet.
    label : str, optional
        A label of the store that holds for them.
    cluster : str, optional
        A cluster that they are in, such as "conv3:2".
    move : str, optional
        The move that the target means at them, for the value the one played.
    name : str, optional
        Under which name the circuit is kept; it follows from the selection, which for
        `rows` and an array needs a name.
    part : float
        Part of the output to keep; see `Circuit.curves`.
    each : bool
        Give every position a circuit of its own, all of one size, in place of one that
        they share.
    method : str
        "pruned", or "once" by relevance in the whole network: twice as fast, and
        larger circuits.
    n_positions : int
        Positions at most, from as many games as there are.
    n_edges : int
        Edges between units that are kept and tested one by one.
    seed : int
        The same seed gives the same circuit.
    save : bool
        Keep the circuit in the store.
    overwrite : bool
        Replace the circuit of the same target and name.
    on_progress : callable, optional
        Called with "prune", "compare" or "edges", how much is done and of how much.

    Returns
    -------
    Circuit
        With 95 % intervals, from 1,000 bootstrap draws of games; nan for one game.
        With pruning it takes about 100 passes down and 400 forwards: 0.1 s a position
        on the network that ships and one core.

    Raises
    ------
    NetworkError
        When it is another network, or one that only zennit's hooks can explain.
    OutputExistsError
        When the store has a circuit of this name that must not be replaced.
    TargetError
        When the target is no output of the network.
    ValueError
        For an empty selection, an unknown label or cluster, or a part not in (0, 1].

    References
    ----------
    Mueller et al., "MIB: A Mechanistic Interpretability Benchmark", ICML 2025,
    arXiv:2504.13151, for faithfulness integrated over sizes.
    """
    store, network = open_store(store), checked_network(network)
    _check(part, method, n_positions, n_edges)
    digest = check_explains(store, network)
    found, chosen = select_rows(
        store, target, rows, where=where, label=label, cluster=cluster, move=move
    )
    name = name or ("; ".join(filter(None, (found, "each"))) if each else found)
    if save:
        store.results.check_free(Circuit, target=target, name=name, overwrite=overwrite)
    if len(chosen) > n_positions:
        games = store.columns.metadata.of_positions("game")[chosen]
        chosen = chosen[spread_rows(games, n_positions, seed=seed)]
    explainer = Explainer(
        network,
        composite="epsilon",
        layers=store.layers,
        allow_gradient=bool(store.manifest.plan.gradients),
    )
    baseline = store.baseline
    if baseline.kind != "mean":
        baseline = mean_baseline(explainer, store.positions, seed=seed)
    sample = follow_rows(store, chosen, target=target, device=explainer.device)
    made = find_circuit(
        explainer,
        baseline,
        sample,
        target=store.targets[store.target_index(target)],
        name=name,
        part=part,
        each=each,
        method=method,
        n_edges=n_edges,
        seed=seed,
        digests=(digest, str(store.manifest.corpus.get("digest", ""))),
        on_progress=on_progress,
    )
    if save:
        store.results.save(made, overwrite=overwrite)
    return made


def _check(part: float, method: str, n_positions: int, n_edges: int) -> None:
    check_type(part, float | int, "part", "a number")
    if not 0 < part <= 1:
        msg = f"part is {part}, expected more than 0 and at most 1"
        raise ValueError(msg)
    if method not in ("pruned", "once"):
        msg = f"method is '{method}', expected one of pruned, once"
        raise ValueError(msg)
    least = {"n_positions": (n_positions, 1), "n_edges": (n_edges, 0)}
    for option, (given, fewest) in least.items():
        if given < fewest:
            msg = f"{option} is {given}, expected at least {fewest}"
            raise ValueError(msg)


def find_circuit(
    explainer: Explainer,
    baseline: Baseline,
    sample: FollowedSample,
    *,
    target: str,
    name: str = "",
    part: float = 0.85,
    each: bool = False,
    method: str = "pruned",
    n_edges: int = 100,
    seed: int = 0,
    hold_out: bool = True,
    digests: tuple[str, str] = ("", ""),
    on_progress: OnProgress | None = None,
) -> Circuit:
    """Find the circuit of a sample of positions; see `circuit`."""
    report = on_progress or (lambda *_: None)
    halves = (sample,) if each or not hold_out else _halves(sample, seed)
    ranker, runner = (KeptUnits(explainer, baseline, halves[i]) for i in (0, -1))
    units, channels = runner.units, runner.channels
    once, every = (
        rankings.by_relevance(ranker, among, each=each, above=True)
        for among in (units, channels)
    )
    ranks = once
    if method == "pruned":
        every = rankings.pruned(ranker, channels, each=each)
        on_round = partial(report, "prune")
        ranks = rankings.pruned(ranker, units, each=each, on_round=on_round)
    sizes = np.unique(np.round(np.multiply(PARTS, len(units))).astype(np.int64))
    size = rankings.smallest(runner, units, ranks, sizes, part)
    sizes = np.union1d(sizes, [size])
    plain = rankings.by_relevance(ranker, units, each=each, above=False)
    ranked = {
        OWN: ranks,
        "once": once,
        "plain relevance": plain,
        "activation": rankings.by_activation(ranker, units, each=each),
        "random": rankings.at_random(units, sets=len(ranks), seed=seed),
        "random by layer": rankings.at_random_by_layer(units, ranks, seed=seed),
        CHANNELS: every,
    }
    curves: dict[str, KeptCurve] = {}
    for ranking, order in ranked.items():
        among = channels if ranking == CHANNELS else units
        same = np.round(sizes / len(units) * len(among)).astype(np.int64)
        curves[ranking] = trace_curve(runner, among, order, same, seed)
        report("compare", len(curves), len(ranked))
    kept = ranks < size
    return Circuit(
        target=target,
        name=name,
        rows=sample.rows,
        held_out=len(runner) if len(halves) > 1 else 0,
        part=part,
        each=each,
        method=method,
        size=size,
        units=len(units),
        sizes=sizes,
        curves=curves,
        layers=_layers(runner, kept),
        edges=strongest_edges(runner, kept, n_edges),
        baseline=baseline.words,
        games=len(np.unique(sample.corpus.game)),
        seed=seed,
        network=digests[0],
        corpus=digests[1],
    )


def _halves(sample: FollowedSample, seed: int) -> tuple[FollowedSample, ...]:
    """Return positions that rank units and those of other games that test them."""
    games = np.unique(sample.corpus.game)
    if len(games) < _FEW_GAMES:
        return (sample,)
    drawn = np.random.default_rng(seed).permutation(games)[: len(games) // 2]
    ranks = np.isin(sample.corpus.game, drawn)
    return tuple(sample.take(np.flatnonzero(half)) for half in (ranks, ~ranks))


def _layers(runner: KeptUnits, kept: torch.Tensor) -> dict[str, KeptLayer]:
    signs = torch.from_numpy(np.sign(runner.gap))[:, None]
    relevance = signs * runner.relevance(runner.units, kept) * kept
    shares, means = (
        runner.units.split(each.float().mean(0, keepdim=True))
        for each in (kept, relevance)
    )
    return {n: KeptLayer(shares[n][0].numpy(), means[n][0].numpy()) for n in shares}
