"""Finding the circuit of positions that have something in common.

The name of a selection has the form of the options that select it on the command line,
such as "cluster=conv3:2; phase=endgame". Shapes use N positions and U units.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from functools import partial
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.ablation.sample import FollowedSample, follow_rows, spread_rows
from conceptlrp.clustering import Clustering
from conceptlrp.concept_graph.circuit_result import (
    CHANNELS,
    OWN,
    Circuit,
    KeptCurve,
    KeptLayer,
    trace_curve,
)
from conceptlrp.concept_graph.unit_edges import strongest_edges
from conceptlrp.concept_graph.units import (
    KeptUnits,
    at_random,
    at_random_by_layer,
    by_activation,
    by_relevance,
    pruned,
    smallest,
)
from conceptlrp.errors import StoreError, check_choice, check_least, check_type
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.baselines import Baseline, mean_baseline
from conceptlrp.lrp.one_call import check_explains
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import parse_square
from conceptlrp.progress import OnProgress
from conceptlrp.store import Store, Where, open_store
from conceptlrp.store.columns import Condition
from conceptlrp.store.reader import AnyStore


def select_rows(
    store: Store,
    target: int | str,
    rows: int | Sequence[int] | None,
    *,
    where: Condition,
    label: str | None,
    cluster: str | None,
    move: str | None,
) -> tuple[str, NDArray[np.int64]]:
    """Return the name and the rows (N,) of a selection, at least one row."""
    met = store.columns.mask(where)
    if label is not None:
        met = met & store.columns.mask(Where(labels={label: True}))
    if cluster is not None:
        met = met & _in_cluster(store, target, cluster)
    if move is not None:
        met = met & (_moves(store, target) == parse_square(move, store.positions.size))
    if rows is not None:
        wanted = np.zeros(len(store), np.bool_)
        wanted[_checked_rows(store, rows)] = True
        met = met & wanted
    several = rows is not None and np.ndim(rows) > 0
    one = None if several else rows
    named = {"position": one, "label": label, "cluster": cluster, "move": move}
    words = [f"{name}={value}" for name, value in named.items() if value is not None]
    if several:
        words.append("selected")
    name = "; ".join([*words, *(_words(where) if where is not None else ())])
    chosen = np.flatnonzero(met)
    if not len(chosen):
        msg = f"{store.path}: no position meets '{name}'"
        raise ValueError(msg)
    return name, chosen


def _words(where: Condition) -> Iterator[str]:
    if not isinstance(where, Where):
        yield "selected"
        return
    for each in fields(where):
        value = getattr(where, each.name)
        if each.name == "labels":
            for label, wanted in value.items():
                yield (
                    f"label={label}"
                    if wanted is True
                    else f"label={label}={_text(wanted)}"
                )
        elif value is not None:
            yield f"{each.name}={_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ":".join("" if end is None else f"{end:g}" for end in value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


def _checked_rows(store: Store, rows: int | Sequence[int]) -> NDArray[np.int64]:
    found = np.atleast_1d(np.asarray(rows))
    if found.dtype.kind == "b":
        msg = "rows are bool, expected whole numbers; give conditions as where"
        raise TypeError(msg)
    if found.dtype.kind not in "iu" or not ((found >= 0) & (found < len(store))).all():
        msg = f"rows are {rows}, expected whole numbers from 0 to {len(store) - 1}"
        raise ValueError(msg)
    return found.astype(np.int64)


def _in_cluster(store: Store, target: int | str, cluster: str) -> NDArray[np.bool_]:
    layer, _, text = cluster.rpartition(":")
    if not layer or not text.isdecimal():
        msg = f"cluster is '{cluster}', expected a layer and a number such as conv3:2"
        raise ValueError(msg)
    found = store.results.get(Clustering, target=target, layer=layer)
    if found is None:
        name = store.targets[store.target_index(target)]
        msg = (
            f"{store.path}: '{layer}' is not clustered for '{name}'; run 'conceptlrp "
            f"cluster --target {name}'"
        )
        raise StoreError(msg)
    if int(text) >= found.n_clusters:
        last = found.n_clusters - 1
        msg = f"'{layer}' has no cluster {text}, expected 0 to {last}"
        raise ValueError(msg)
    met = np.zeros(len(store), np.bool_)
    met[found.rows[found.labels == int(text)]] = True
    return met


def _moves(store: Store, target: int | str) -> NDArray[Any]:
    """Return the move (N,) that a target means, for the value the one played."""
    squares = store.arrays.explained_square(target=target)
    played = store.columns.metadata.of_positions("played")
    return played if store.targets[store.target_index(target)] == "value" else squares


# Of fewer games, half would rank units too poorly to test anything.
_FEW_GAMES: Final = 20
#: Parts of the units at which curves are taken.
PARTS: Final = (0, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1)


def circuit(
    store: AnyStore,
    network: AnyNetwork,
    *,
    target: int | str = 0,
    rows: int | Sequence[int] | None = None,
    where: Condition = None,
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
    store, network : Store and Module, or their paths
        Where positions, targets and layers come from, and what it explains.
    target : int or str
        Index or name of an output of the network.
    rows, where, label, cluster, move : optional
        The positions, which meet all that is given: rows of the store; conditions
        (Where, or bool array of shape (N,)); a label that holds; a cluster such as
        "conv3:2"; the move that the target means, for the value the one played.
    name : str, optional
        Under which name the circuit is kept; it follows from the selection, which for
        `rows` and an array needs a name.
    part : float
        Part of the output to keep, at most 1; see `Circuit.curves`.
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
    save, overwrite : bool
        Keep the circuit in the store, and replace the one of this target and name,
        which otherwise raises `OutputExistsError`.
    on_progress : callable, optional
        Called with "prune", "compare" or "edges", how much is done and of how much.

    Returns
    -------
    Circuit
        With 95 % intervals, over games; nan of fewer than ten.
        With pruning it takes about 100 passes down and 400 forwards: 0.1 s a position
        on the network that ships and one core. A network that only zennit's hooks can
        explain raises `NetworkError`, as another than the store's does.

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
    explainer.check_native("a circuit")
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
    check_choice("method", method, ("pruned", "once"))
    check_least("n_positions", n_positions)
    check_least("n_edges", n_edges, 0)


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
    digests: tuple[str, str] = ("", ""),
    on_progress: OnProgress | None = None,
) -> Circuit:
    """Find the circuit of a sample of positions; see `circuit`."""
    report = on_progress or (lambda *_: None)
    halves = (sample,) if each else _halves(sample, seed)
    ranker, runner = (KeptUnits(explainer, baseline, halves[i]) for i in (0, -1))
    units, channels = runner.units, runner.channels
    once, every = (
        by_relevance(ranker, among, each=each, above=True)
        for among in (units, channels)
    )
    ranks = once
    if method == "pruned":
        every = pruned(ranker, channels, each=each)
        on_round = partial(report, "prune")
        ranks = pruned(ranker, units, each=each, on_round=on_round)
    sizes = np.unique(np.round(np.multiply(PARTS, len(units))).astype(np.int64))
    size = smallest(runner, units, ranks, sizes, part)
    sizes = np.union1d(sizes, [size])
    plain = by_relevance(ranker, units, each=each, above=False)
    ranked = {
        OWN: ranks,
        "once": once,
        "plain relevance": plain,
        "activation": by_activation(ranker, units, each=each),
        "random": at_random(units, sets=len(ranks), seed=seed),
        "random by layer": at_random_by_layer(units, ranks, seed=seed),
        CHANNELS: every,
    }
    curves: dict[str, KeptCurve] = {}
    for ranking, order in ranked.items():
        among = channels if ranking == CHANNELS else units
        same = np.round(sizes / len(units) * len(among)).astype(np.int64)
        curves[ranking] = trace_curve(runner, among, order, same)
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
        games=len(np.unique(sample.games)),
        seed=seed,
        network=digests[0],
        corpus=digests[1],
    )


def _halves(sample: FollowedSample, seed: int) -> tuple[FollowedSample, ...]:
    """Return positions that rank units and those of other games that test them."""
    games = np.unique(sample.games)
    if len(games) < _FEW_GAMES:
        return (sample,)
    drawn = np.random.default_rng(seed).permutation(games)[: len(games) // 2]
    ranks = np.isin(sample.games, drawn)
    return tuple(sample.take(np.flatnonzero(half)) for half in (ranks, ~ranks))


def _layers(runner: KeptUnits, kept: torch.Tensor) -> dict[str, KeptLayer]:
    signs = torch.from_numpy(np.sign(runner.gap))[:, None]
    relevance = signs * runner.relevance(runner.units, kept) * kept
    shares, means = (
        runner.units.split(each.float().mean(0, keepdim=True))
        for each in (kept, relevance)
    )
    return {n: KeptLayer(shares[n][0].numpy(), means[n][0].numpy()) for n in shares}
