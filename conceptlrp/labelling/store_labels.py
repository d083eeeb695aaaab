"""Labels of a store: as columns of its positions, and as names of its channels.

Shapes use N positions and K labels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.ablation.sample import FollowedSample, follow_sample, spread_rows
from conceptlrp.errors import OutputExistsError, check_names
from conceptlrp.labelling.controls import detector_power
from conceptlrp.labelling.edit_result import EditedBoards
from conceptlrp.labelling.edit_tables import own_labels
from conceptlrp.labelling.edited_boards import follow_edits
from conceptlrp.labelling.interchange_result import Interchange, tested_labels
from conceptlrp.labelling.interchanging import draw_interchanges, interchange_channels
from conceptlrp.labelling.networks import Networks, above_own_mean, random_network
from conceptlrp.labelling.result import LabelCriteria, LabelScores, ScoredLabels
from conceptlrp.labelling.rule import rules_held
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labels import LABELS, Labels, control_labels, label_boards, move_labels
from conceptlrp.labels.labels import random_twins
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import batches
from conceptlrp.lrp.one_call import check_explains, store_explainer
from conceptlrp.lrp.probing import boards_of
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import NO_MOVE, Corpus
from conceptlrp.othello.board import count
from conceptlrp.progress import OnProgress
from conceptlrp.runs.options import RunOptions
from conceptlrp.statistics.ranks import codes
from conceptlrp.store import Store, open_store
from conceptlrp.store.reader import AnyStore

_BLOCK: Final = 1 << 16
_POSITIONS: Final = 20_000
# Every sixth label has a random twin among the controls.
_TWIN_STEP: Final = 6


@dataclass(frozen=True)
class LabelOptions:
    """What scoring a store's channels takes besides positions and a seed.

    Attributes
    ----------
    n_maps : int
        Of the positions, how many are scored with maps too.
    n_random : int
        Networks of the same shape with random weights to hold channels against.
    n_recipients, n_donors : int
        For `Interchange`: how many positions get maps of others, and of how many each.
    n_edits : int
        For `EditedBoards`: how many boards are edited, each of another game.
    columns : tuple of str
        Columns of the store to score as labels besides, such as labels of one's own.
    criteria : LabelCriteria
        What a label must fulfil; its seed gives way to that of the call. By default
        100 permutations tell the p-values of all pairs apart.
    run : RunOptions, optional
        Workers or scheduler that networks are spread over, with the same result.
    """

    n_maps: int = 1_000
    n_random: int = 5
    n_recipients: int = 500
    n_donors: int = 2
    n_edits: int = 400
    columns: tuple[str, ...] = ()
    criteria: LabelCriteria = field(
        default_factory=lambda: LabelCriteria(permutations=100)
    )
    run: RunOptions | None = None


def label_positions(
    store: AnyStore, names: Iterable[str] | None = None, *, overwrite: bool = False
) -> tuple[str, ...]:
    """Add concept labels to the columns of a store's positions.

    Parameters
    ----------
    store : Store or path
        A complete store.
    names : iterable of str, optional
        Names from `conceptlrp.labels.LABELS`, all by default.
    overwrite : bool
        Replace columns of these names, which otherwise raise `OutputExistsError`.

    Returns
    -------
    tuple of str
        Names of the columns: labels of positions as they are, and how many squares
        a label of squares or moves has, so that a condition on its name asks for
        positions that have any.
    """
    store = open_store(store)
    corpus = store.positions
    wanted = None if names is None else check_names(names, "names", "a label")
    columns: dict[str, NDArray[np.generic]] = {}
    # Empty, for names and types before anything is computed.
    for name, column in _columns(corpus[:0], wanted).items():
        # Damaged columns can be overwritten, but not read.
        if not overwrite and name in store.columns.label_names:
            msg = (
                f"{store.path}: has a label '{name}' already; pass overwrite=True to "
                "replace it"
            )
            raise OutputExistsError(msg)
        columns[name] = np.empty(len(corpus), column.dtype)
    for block in batches(len(corpus), _BLOCK):
        for name, column in _columns(corpus[block], wanted).items():
            columns[name][block] = column
    store.columns.add(columns, overwrite=overwrite)
    return tuple(columns)


def label(
    store: AnyStore,
    network: AnyNetwork,
    *,
    target: int | str = 0,
    layers: Sequence[str] | None = None,
    n_positions: int = _POSITIONS,
    options: LabelOptions | None = None,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> ScoredLabels:
    """Score every channel of a store against every label of Othello theory.

    Relevance and activation, summed over the board, are scored against all labels;
    sizes of conditional maps and feature maps, square by square, against labels of
    squares and moves, among squares of the same ply, location class and content.
    Of a target that is a move, labels of that move are among them: networks with random
    weights explain the same one.
    Networks with random weights, and the network's own numbers exchanged between
    positions of the same ply, are scored by the same rules, and controls stand among
    the labels.

    Parameters
    ----------
    store, network : Store and Module, or their paths
        Where positions, relevance and activation come from, and what it explains.
    target : int or str
        Index or name of an output of the network.
    layers : sequence of str, optional
        Layers to score; those of the store by default.
    n_positions : int
        Positions to score at most, each of another game as far as games suffice.
    options : LabelOptions, optional
        Maps, random networks, labels of one's own, and criteria.
    seed : int
        The same seed gives the same labels.
    save, overwrite : bool
        Keep the result in the store, labels of all its positions as columns, and the
        `Interchange` and `EditedBoards` of all channels and labels on the games that
        were held out; and replace those for the same target, which otherwise raise
        `OutputExistsError`.
    on_progress : callable, optional
        Called with a stage, how much of it is done and how much there is.

    Returns
    -------
    ScoredLabels
        Labels of all channels. Maps of a few layers at a time are in memory, and all
        sums: 1.3 GB in all for 256 channels, 20,000 positions and six networks.
        A composite that is none of the presets raises `CompositeError`, another
        network than the store's `NetworkError`, too few games to hold some out
        `ValueError`.
    """
    store, network = open_store(store), checked_network(network)
    report, asked = on_progress or (lambda *_: None), options or LabelOptions()
    explainer = store_explainer(store, network, layers=layers)
    if save:
        store.results.check_free(ScoredLabels, target=target, overwrite=overwrite)
    study = prepare_study(
        store, explainer, asked, target, n_positions, split=seed, seed=seed, maps=True
    )
    scores = score_networks(study.networks, study.comparison, report)
    found = ScoredLabels(
        target=study.networks.target_name,
        positions=len(study.sample),
        maps=len(study.networks.mapped),
        random_networks=asked.n_random,
        seed=seed,
        layers={layer: each[0] for layer, each in scores.items()},
        random_labelled={
            layer: float(np.mean([each.labelled for each in every[2:]]))
            if asked.n_random > 1 and every[0].tested
            else float("nan")
            for layer, every in scores.items()
        },
        exchanged_labelled={
            layer: every[1].labelled if every[0].tested else float("nan")
            for layer, every in scores.items()
        },
        controls=study.controls,
        power=detector_power(
            study.comparison.of_values,
            [each[0] for each in scores.values()],
            study.controls,
        ),
        random_own={
            layer: tuple(own_labels(each, study.controls) for each in every[2:])
            for layer, every in scores.items()
        },
    )
    if save:
        checked = study.interchange(found, report)
        edited = study.edits(found, report)
        store.results.save(found, overwrite=overwrite)
        # One that was made before may be of games that labels were found on.
        store.results.save(checked, overwrite=True)
        store.results.save(edited, overwrite=True)
        known = () if overwrite else store.columns.label_names
        missing = [name for name in LABELS if name not in known]
        label_positions(store, missing, overwrite=overwrite)
    return found


def interchange(
    store: AnyStore,
    network: AnyNetwork,
    *,
    target: int | str = 0,
    layers: Sequence[str] | None = None,
    n_positions: int = 500,
    n_donors: int = 2,
    n_random: int = 5,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> Interchange:
    """Ask which labels each channel carries into the output, by interchange.

    A channel's map comes from a donor: a position with as many discs, of another
    game. The change of the output is correlated with the difference of every label,
    over pairs of positions. `label` does the same for what it saves.

    Parameters
    ----------
    store, network, target, layers
        As for `label`.
    n_positions : int
        Positions at most that are given maps of others, each of another game as far
        as games suffice. All are of games that labels were not found on: those that
        `label` held out, or half of the games.
    n_donors : int
        Donors of each position, as far as there are.
    n_random : int
        Networks with random weights; 24 channels of a layer stand for all.
    seed : int
        The same seed gives the same numbers.
    save, overwrite : bool
        Keep the result in the store, and replace the one for the same target, which
        otherwise raises `OutputExistsError`.
    on_progress : callable, optional
        Called with a stage, how many pairs are done and how many there are.

    Returns
    -------
    Interchange
        Of all labels and channels, controls beside them. A pair and channel cost a
        run of the network above the layer: 20 s for 1,000 pairs of the 64 channels of
        four layers, on one core. Too few games to hold some out, or to take donors
        from, raise `ValueError`.

    References
    ----------
    Geiger et al., "Causal abstractions of neural networks", NeurIPS 2021.
    """
    store, network = open_store(store), checked_network(network)
    check_explains(store, network)
    if save:
        store.results.check_free(Interchange, target=target, overwrite=overwrite)
    explainer = Explainer(
        network,
        layers=layers or store.layers,
        allow_gradient=bool(store.manifest.plan.gradients),
    )
    asked = LabelOptions(n_random=n_random, n_recipients=n_positions, n_donors=n_donors)
    study = held_out_study(store, explainer, asked, target, seed)
    scored = store.results.get(ScoredLabels, target=target)
    found = study.interchange(scored, on_progress or (lambda *_: None))
    if not found.pairs:
        msg = (
            f"{store.path}: no two positions of different games that were held out "
            "have as many discs, expected some to interchange; explain more games"
        )
        raise ValueError(msg)
    if save:
        store.results.save(found, overwrite=overwrite)
    return found


@dataclass(frozen=True)
class Study:
    """What scoring and tests of it are about: networks, positions, labels of these."""

    networks: Networks
    sample: FollowedSample
    comparison: Comparison
    controls: tuple[str, ...]
    asked: LabelOptions
    seed: int

    def edits(self, scored: ScoredLabels | None, report: OnProgress) -> EditedBoards:
        """Edit boards of the games that are held out, and follow channels on them."""
        return follow_edits(
            self.networks,
            self.sample,
            self.comparison,
            scored,
            boards=self.asked.n_edits,
            seed=self.seed,
            on_progress=report,
        )

    def interchange(
        self, scored: ScoredLabels | None, report: OnProgress
    ) -> Interchange:
        """Interchange channels at positions of the games that are held out.

        Rules that name channels are labels of these.
        """
        asked, sample, networks = self.asked, self.sample, self.networks
        rules = {} if scored is None else scored.told
        held = Labels(rules_held(rules, boards_of(sample.corpus)), {}, {})
        comparison = replace(
            self.comparison, labels=self.comparison.labels.joined(held)
        )
        pairs = draw_interchanges(
            sample,
            comparison,
            recipients=asked.n_recipients,
            donors=asked.n_donors,
            seed=self.seed,
        )
        names, spread = comparison.labels.names, pairs.spread
        tested = tested_labels(names, (*self.controls, *rules), spread)
        manifest = networks.store.manifest
        return Interchange(
            target=networks.target_name,
            labels=names,
            controls=self.controls,
            spread=spread,
            nested=pairs.nested,
            recipients=len(np.unique(pairs.recipients)),
            pairs=len(pairs.recipients),
            games=len(np.unique(pairs.games[[*pairs.recipients, *pairs.donors]])),
            random_networks=asked.n_random,
            seed=self.seed,
            layers=interchange_channels(
                networks.explainers,
                sample,
                pairs,
                tested,
                lead=comparison.criteria.lead,
                seed=self.seed,
                run=asked.run,
                on_progress=report,
            ),
            network=str(manifest.network.get("digest", "")),
            corpus=str(manifest.corpus.get("digest", "")),
            rules=tuple(rules),
        )


def held_out_study(
    store: Store,
    explainer: Explainer,
    asked: LabelOptions,
    target: int | str,
    seed: int,
) -> Study:
    """Return what a test of labels is about, with games held out as `label` did."""
    scored = store.results.get(ScoredLabels, target=target)
    held_out, split = _POSITIONS, seed
    if scored is not None:
        first = next(iter(scored.layers.values()))
        kept = store.columns.label_names
        own = tuple(n for n in first.labels if n in kept and n not in LABELS)
        asked = replace(asked, columns=own, criteria=first.criteria)
        held_out, split = scored.positions, scored.seed
    return prepare_study(
        store, explainer, asked, target, held_out, split=split, seed=seed, maps=False
    )


def prepare_study(
    store: Store,
    explainer: Explainer,
    asked: LabelOptions,
    target: int | str,
    n_positions: int,
    *,
    split: int,
    seed: int,
    maps: bool,
) -> Study:
    """Draw positions and random networks, and make labels ready to compare with."""
    device = explainer.device
    sample = follow_sample(
        store, target=target, n_positions=n_positions, seed=split, device=device
    )
    corpus = sample.corpus
    # Drawn apart from the games that are held out, which would all be drawn.
    mapped = spread_rows(sample.games, asked.n_maps, seed=seed + 1)
    random = (
        above_own_mean(random_network(explainer, seed=100 * split + i), store)
        for i in range(asked.n_random)
    )
    index, explainers = store.target_index(target), (explainer, *random)
    about = (store, explainers, index, sample.rows, corpus, mapped)
    networks = Networks(*about, run=asked.run)
    plies = codes(count(corpus.own | corpus.opponent))
    moves = store.arrays.explained_square(rows=sample.rows, target=target)
    boards = boards_of(corpus)
    labels, controls = _labels(corpus, moves, plies, split)
    comparison = Comparison(
        labels=labels.joined(_added(store, asked.columns, sample.rows)),
        games=sample.games,
        plies=plies,
        criteria=replace(asked.criteria, seed=split),
        size=corpus.size,
        mapped=mapped if maps else None,
        within=boards[mapped] if maps else None,
        boards=boards if maps else None,
    )
    return Study(networks, sample, comparison, controls, asked, seed)


def score_networks(
    networks: Networks,
    comparison: Comparison,
    report: OnProgress,
    *,
    exchanges: int = 1,
) -> dict[str, list[LabelScores]]:
    """Score networks by layer as memory allows: trained, exchanged, and random."""
    values, found = networks.values(report), {}
    for group in networks.groups():
        maps = networks.maps(group, report)
        for layer in group:
            tables: list[dict[str, NDArray[Any]]] = []
            for summed, mapped in zip(values, maps, strict=True):
                tables.append(summed.pop(layer) | mapped.pop(layer))
            found[layer] = comparison.score(tables, exchanges=exchanges)
            report("layers", len(found), len(networks.explainers[0].layers))
    return found


def _labels(
    corpus: Corpus, moves: NDArray[np.int8], plies: NDArray[np.intp], seed: int
) -> tuple[Labels, tuple[str, ...]]:
    """Return labels (of explained moves too) with controls, and the controls' names."""
    known, unseen = label_boards(corpus), control_labels(corpus)
    if (moves != NO_MOVE).any():
        known = known.joined(move_labels(corpus, moves))
    names = set(known.names[::_TWIN_STEP])
    parts = known.position, known.square, known.move
    some = Labels(*({n: c for n, c in p.items() if n in names} for p in parts))
    controls = unseen.joined(random_twins(some, plies, seed=seed))
    return known.joined(controls), controls.names


def _added(store: Store, columns: Sequence[str], rows: NDArray[np.int64]) -> Labels:
    found = {}
    for name in check_names(columns, "columns", "a column"):
        found[name] = store.columns.label(name)[rows]
        if found[name].dtype.kind == "f" and not np.isfinite(found[name]).all():
            msg = f"column '{name}' has unknown values, expected numbers only"
            raise ValueError(msg)
    return Labels(found, {}, {})


def _columns(corpus: Corpus, names: list[str] | None) -> dict[str, NDArray[np.generic]]:
    """Return labels as columns, in the order of `LABELS`."""
    found = label_boards(corpus, names)
    columns = {**found.position, **found.counts()}
    return {name: columns[name] for name in LABELS if name in columns}
