"""Interchange tells what a network reads from what it only shows."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from conceptlrp import labelling
from conceptlrp.ablation.sample import follow_sample
from conceptlrp.errors import NetworkError, OutputExistsError, TargetError
from conceptlrp.labelling import (
    Interchange,
    LabelCriteria,
    LabelOptions,
    ScoredLabels,
    interchange,
)
from conceptlrp.labelling.interchange_result import LEAST, LEAST_GAMES
from conceptlrp.labelling.interchanging import (
    Interchanges,
    _changes,
    _correlate,
    draw_interchanges,
)
from conceptlrp.labelling.rule import Condition, Rule
from conceptlrp.labelling.scores import Comparison
from conceptlrp.labelling.store_labels import held_out_study
from conceptlrp.labels import label_boards
from conceptlrp.lrp import Explainer
from conceptlrp.lrp.probing import planes_of
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import NO_MOVE, Corpus
from conceptlrp.runs import attribute_corpus
from conceptlrp.runs.job import TaskPart
from conceptlrp.statistics.ranks import codes
from conceptlrp.store import Store, open_store
from tests.labelling.known_network import (
    DUPLICATE,
    FIRST_STEP,
    LEAD,
    SHIFTED,
    KnownNetwork,
    thresholds,
)
from tests.lrp.conftest import randomize
from tests.lrp.test_engine import with_hooks
from tests.othello.playouts import random_games

PREVALENCES = [p / 10 for p in range(1, 10)]
STEPS = [f"step {p}" for p in PREVALENCES]


def sampled(games: int, positions: int) -> Corpus:
    return Corpus.from_games(random_games(games, seed=4)).sample(positions, seed=1)


def labelled(path: Path, read: dict[int, float]) -> Store:
    """Label the channels of a network that reads some of what it knows."""
    corpus = sampled(300, 1500)
    levels = thresholds(corpus, PREVALENCES)
    network = KnownNetwork(levels, read).eval()
    store = attribute_corpus(
        network, corpus, path, targets=["value"], layers=["conv2"], composite="epsilon"
    )
    lead = label_boards(corpus).position["center lead"]
    store.columns.add({n: lead > level for n, level in zip(STEPS, levels, strict=True)})
    labelling.label(
        store,
        network,
        options=LabelOptions(
            n_maps=40,
            n_random=2,
            n_recipients=200,
            columns=tuple(STEPS),
            criteria=LabelCriteria(permutations=40),
        ),
    )
    return store


def found(store: Store) -> Interchange:
    kept = store.results.get(Interchange)
    assert kept is not None
    return kept


@pytest.fixture(scope="module")
def leading(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store of a network whose value is the center lead."""
    return labelled(tmp_path_factory.mktemp("lead") / "run.crp", {LEAD: 1.0})


@pytest.fixture(scope="module")
def stepping(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store of a network whose value is a sum of flags."""
    read = {FIRST_STEP + i: (-1.0) ** i for i in range(len(STEPS))}
    return labelled(tmp_path_factory.mktemp("steps") / "run.crp", read)


def test_the_center_lead_passes_where_the_value_is_just_that(leading: Store):
    scored = leading.results.get(ScoredLabels)
    assert scored is not None
    labels = scored.channel("conv2", LEAD).labels
    cause = found(leading).cause("conv2", LEAD, "center lead")

    assert "center lead" in [each.label for each in labels]
    assert cause.passed
    assert cause.r == pytest.approx(1, abs=1e-5)
    assert cause.low > 0.99
    assert cause.equal == pytest.approx(0, abs=1e-5)
    assert found(leading).best("conv2", LEAD) == cause


@pytest.mark.parametrize("channel", [DUPLICATE, SHIFTED])
def test_what_nothing_reads_fails_however_well_it_follows_the_label(
    leading: Store, channel: int
):
    scored = leading.results.get(ScoredLabels)
    assert scored is not None
    place = scored.layers["conv2"].labels.index("center lead")
    cause = found(leading).cause("conv2", channel, "center lead")

    assert scored.layers["conv2"].held_out["activation"][channel, place] > 0.8
    assert (cause.r, cause.passed) == (0, False)


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_a_detector_passes_whatever_the_prevalence_of_its_label(
    stepping: Store, step: int
):
    prevalence = stepping.columns.label(STEPS[step]).mean()
    cause = found(stepping).cause("conv2", FIRST_STEP + step, STEPS[step])

    assert abs(prevalence - PREVALENCES[step]) < 0.08
    assert cause.passed
    # Of every other step, more of it lowers the value.
    assert cause.r == pytest.approx((-1.0) ** step, abs=1e-5)


def test_a_number_is_carried_as_a_flag_is(stepping: Store, leading: Store):
    number = found(leading).cause("conv2", LEAD, "center lead")
    flag = found(leading).cause("conv2", LEAD, STEPS[4])

    assert number.r > flag.r > 0.5
    assert found(stepping).cause("conv2", LEAD, "center lead").r == 0


def test_the_result_agrees_with_itself(stepping: Store):
    kept = found(stepping)
    layer = kept.layers["conv2"]
    table = kept.frame("conv2")

    assert len(table) == layer.r.size == len(kept.frame())
    row = table[(table["channel"] == FIRST_STEP) & (table["label"] == STEPS[0])]
    cause = kept.cause("conv2", FIRST_STEP, STEPS[0])
    assert row["r"].item() == cause.r
    assert row["passed"].item() == cause.passed
    assert table["passed"].isna().sum() == (
        len(layer.r) * (kept.spread < LEAST_GAMES).sum()
    )
    mine, random, exchanged = kept.counts("conv2", 0.99)
    assert mine == len(STEPS)
    assert random < mine
    assert exchanged == 0
    assert f"{mine} (" in kept._repr_html_()
    assert repr(kept).startswith("Interchange(target='value', pairs=")
    first = kept.labels.index(STEPS[0])
    assert kept.to_dict()["layers"]["conv2"]["r"][FIRST_STEP][first] == cause.r
    with pytest.raises(ValueError, match="layer 'conv9' was not interchanged"):
        kept.best("conv9", 0)
    with pytest.raises(ValueError, match="has channels 0 to 11, not 12"):
        kept.best("conv2", 12)
    with pytest.raises(ValueError, match="no label is named 'mine'"):
        kept.cause("conv2", 0, "mine")


def test_criteria_are_those_that_are_told(stepping: Store):
    layer = found(stepping).layers["conv2"]
    shape = layer.r.shape

    def passes(**changes: float) -> bool:
        arrays = {
            name: np.full(shape, changes.get(name, value))
            for name, value in (("r", 0.5), ("low", 0.4), ("high", 0.6))
        }
        arrays["exchanged"] = np.full(shape, changes.get("exchanged", 0.2))
        random = np.full(shape[1], changes.get("random", 0.3))
        verdicts = replace(layer, **arrays, random=random).passed
        assert verdicts.all() == verdicts.any()
        return bool(verdicts.all())

    assert passes()
    assert not passes(exchanged=0.5)
    assert not passes(random=0.4)
    assert not passes(random=0.0, low=LEAST)
    assert passes(r=-0.5, low=-0.6, high=-0.4)
    assert not passes(r=-0.5, low=-0.6, high=-0.3)
    assert not passes(r=np.nan)


def test_the_same_seed_gives_the_same_of_the_games_held_out(
    leading: Store, tmp_path: Path
):
    first, again = (
        interchange(
            leading, _network_of(leading), n_positions=60, n_random=1, save=False
        )
        for _ in range(2)
    )

    assert first.to_dict() == again.to_dict()
    assert first.labels == found(leading).labels
    assert (first.recipients, first.pairs) == (60, 120)
    with pytest.raises(OutputExistsError, match="exists already"):
        interchange(leading, _network_of(leading))


def _network_of(store: Store) -> KnownNetwork:
    levels = thresholds(sampled(300, 1500), PREVALENCES)
    return KnownNetwork(levels, {LEAD: 1.0}).eval()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store of a small network with random weights, of 12 games."""
    corpus = sampled(12, 240)
    return attribute_corpus(
        randomize(OthelloNet(channels=6)),
        corpus[corpus.played != NO_MOVE],
        tmp_path_factory.mktemp("small") / "run.crp",
        targets=["best", "value", "best-played", "conv3:1"],
        layers=["conv1", "conv3"],
    )


def test_few_games_decide_nothing(small: Store):
    few = interchange(small, randomize(OthelloNet(channels=6)), n_random=1)

    assert few.recipients > 50
    assert (few.spread < LEAST_GAMES).all()
    assert few.best("conv1", 0) is None
    assert few.cause("conv1", 0, "mobility").passed is None
    assert few.frame()["passed"].isna().all()
    assert open_store(small.path).results.get(Interchange) is not None


def test_positions_without_any_donor_are_refused(tmp_path: Path):
    corpus = Corpus.from_games(random_games(6, seed=4))
    rows = [int(np.flatnonzero(corpus.game == g)[5 * g]) for g in range(6)]
    network = randomize(OthelloNet(channels=6))
    store = attribute_corpus(network, corpus[rows], tmp_path / "run.crp")

    with pytest.raises(ValueError, match="explain more games"):
        interchange(store, network, n_random=1)

    assert store.results.get(Interchange) is None


def test_a_neuron_is_refused(small: Store):
    with pytest.raises(TargetError, match="'conv3:1' is no output of the network"):
        interchange(small, randomize(OthelloNet(channels=6)), target="conv3:1")


def test_another_network_is_refused(small: Store):
    with pytest.raises(NetworkError, match="the store explains"):
        interchange(small, randomize(OthelloNet(channels=4)))


def drawn(store: Store, target: str, **options: int):
    """Return an explainer, a sample of a store and pairs of it."""
    explainer = Explainer(randomize(OthelloNet(channels=6)), layers=store.layers)
    sample = follow_sample(
        store, target=target, n_positions=240, seed=0, device=explainer.device
    )
    empties = np.asarray(60 - sample.corpus.ply)
    comparison = Comparison(
        labels=label_boards(sample.corpus),
        games=codes(sample.corpus.game),
        plies=empties.astype(np.intp),
        criteria=LabelCriteria(),
    )
    drawing = {"recipients": 100, "donors": 3, "seed": 2} | options
    return (
        explainer,
        sample,
        comparison,
        draw_interchanges(sample, comparison, **drawing),
    )


@pytest.mark.parametrize("target", ["best", "value", "best-played"])
def test_changes_are_those_of_a_network_with_the_donor_s_map(small: Store, target: str):
    explainer, sample, _, pairs = drawn(small, target, recipients=8)
    channels = {"conv1": np.array([0, 3]), "conv3": np.arange(6)}

    changes = _changes(
        [explainer], [channels], sample, pairs, TaskPart(0, 0, 1), lambda _: None
    )

    network = explainer.network
    rows = torch.from_numpy(pairs.recipients)
    mine, theirs = (
        planes_of(explainer, sample.boards[side])
        for side in (pairs.recipients, pairs.donors)
    )
    before = sample.explained(*outputs(network, mine), rows)
    for layer, chosen in channels.items():
        tap = network.get_submodule(explainer.taps[layer])
        maps: list[torch.Tensor] = []
        hook = tap.register_forward_hook(lambda *a, m=maps: m.append(a[2].clone()))
        network(theirs)
        hook.remove()
        for place, channel in enumerate(chosen):
            put = partial(_put, channel=channel, maps=maps[0])
            hook = tap.register_forward_hook(put)
            after = sample.explained(*outputs(network, mine), rows)
            hook.remove()
            expected = (after - before).numpy()
            np.testing.assert_allclose(changes[layer][:, place], expected, atol=2e-5)
    assert np.abs(changes["conv3"]).max() > 1e-3


def test_a_network_that_hooks_explain_is_interchanged_all_the_same(small: Store):
    explainer, sample, _, pairs = drawn(small, "best", recipients=3)
    channels = {"conv1": np.arange(6), "conv3": np.array([2])}

    native, hooked = (
        _changes([each], [channels], sample, pairs, TaskPart(0, 0, 1), lambda _: None)
        for each in (explainer, with_hooks(explainer))
    )

    for layer, changes in native.items():
        np.testing.assert_allclose(hooked[layer], changes, atol=1e-5)


def outputs(network, planes):
    with torch.no_grad():
        logits, value = network(planes)
    return logits, value.flatten()


def _put(_module, _inputs, output, *, channel, maps):
    changed = output.clone()
    changed[:, channel] = maps[:, channel]
    return changed


def test_donors_are_of_the_same_ply_and_of_other_games_held_out(small: Store):
    _, sample, comparison, pairs = drawn(small, "value")
    discs = np.bitwise_count(sample.corpus.own | sample.corpus.opponent)

    assert len(pairs.recipients) > 100
    assert (discs[pairs.recipients] == discs[pairs.donors]).all()
    assert (pairs.games[pairs.recipients] != pairs.games[pairs.donors]).all()
    assert comparison.held_out[pairs.recipients].all()
    assert comparison.held_out[pairs.donors].all()
    both = np.stack([pairs.recipients, pairs.donors], axis=1)
    assert len(np.unique(both, axis=0)) == len(both)
    assert np.bincount(pairs.recipients).max() == 3


def test_donors_serve_again_only_after_the_others():
    discs = np.zeros(40, np.uint64)
    corpus = type("Sampled", (), {"own": discs, "opponent": discs})
    sample = type("Sample", (), {"corpus": corpus})
    none = Comparison(
        labels=label_boards(sampled(2, 40)),
        games=np.arange(40),
        plies=np.zeros(40, np.intp),
        criteria=LabelCriteria(held_out=0.5),
    )

    pairs = draw_interchanges(sample, none, recipients=5, donors=3, seed=0)

    assert np.bincount(pairs.donors).max() == 1
    assert not set(pairs.donors) & set(pairs.recipients)


def test_labels_exchanged_within_plies_hardly_ever_pass():
    """Each channel carries a label perfectly, but not the ones it is held against."""
    corpus = sampled(400, 4000)
    labels = label_boards(corpus)
    columns = np.stack([*labels.position.values(), *labels.counts().values()], 1)
    plies = np.bitwise_count(corpus.own | corpus.opponent).astype(np.int64)
    random, games = np.random.default_rng(0), codes(corpus.game)
    recipients = random.permutation(4000)[:400]
    donors = np.array([_donor(row, plies, games, random) for row in recipients])
    passed = tested = best_passed = channels = 0

    for seed in range(6):
        pairs = Interchanges(
            recipients,
            donors,
            plies,
            games,
            columns.astype(np.float64),
            np.eye(columns.shape[1], dtype=bool),
        )
        changes = pairs.differences
        exchanged = replace(pairs, columns=_exchanged(columns, plies, seed))
        differ = exchanged.spread >= LEAST_GAMES
        layer = _correlate([changes], exchanged, differ, lead=0.1, seed=1000 * seed)
        verdicts, sizes = layer.passed[:, differ], np.abs(layer.r[:, differ])
        passed, tested = passed + int(verdicts.sum()), tested + verdicts.size
        best = np.arange(len(sizes)), sizes.argmax(axis=1)
        best_passed, channels = (
            best_passed + int(verdicts[best].sum()),
            channels + len(sizes),
        )

    assert tested > 20_000
    assert passed / tested < 0.001
    assert best_passed / channels < 0.03


def _donor(row, plies, games, random):
    return random.choice(np.flatnonzero((plies == plies[row]) & (games != games[row])))


def _exchanged(columns, plies, seed):
    random, found = np.random.default_rng(seed), columns.astype(np.float64)
    for ply in np.unique(plies):
        rows = np.flatnonzero(plies == ply)
        found[rows] = found[random.permutation(rows)]
    return found


SENTENCE = "a mover's disc with a mover's disc to its left"


class RuleNetwork(nn.Module):
    """Two channels that find a rule in squares; the value reads one, and falls."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 2, 3, padding=1)
        self.relu1 = nn.ReLU()
        self.flat = nn.Flatten()
        self.policy = nn.Linear(128, 65)
        self.value = nn.Linear(128, 1)
        self.requires_grad_(requires_grad=False)
        for parameter in self.parameters():
            parameter.zero_()
        # Own discs are 1 and others -1: only two own ones exceed 1.
        self.conv1.weight[:, 0, 1, :2] = 1
        self.conv1.bias[:] = -1
        self.value.weight[0, :64] = -1

    def forward(self, planes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return policy (N, 65) and value (N, 1)."""
        flat = self.flat(self.relu1(self.conv1(planes)))
        return self.policy(flat), self.value(flat)


def test_a_rule_causes_where_it_is_read_and_not_where_nothing_reads_it(tmp_path: Path):
    network = RuleNetwork().eval()
    store = attribute_corpus(
        network,
        sampled(150, 600),
        tmp_path / "run.crp",
        targets=["value"],
        layers=["conv1"],
        composite="epsilon",
    )
    squares = Condition(0, 0, ("own",)), Condition(0, -1, ("own",))
    numbers = {"r2": 1.0, "low": 1.0, "high": 1.0, "share": 0.2}
    rule = Rule(SENTENCE, (squares,), 5, 8, 1, **numbers, mean=1.0, elsewhere=0.0)
    explainer = Explainer(network, layers=store.layers)
    options = LabelOptions(n_random=3, n_recipients=120)
    study = held_out_study(store, explainer, options, 0, 0)
    scored = SimpleNamespace(told={SENTENCE: rule})

    found = study.interchange(scored, lambda *_: None)

    read, unread = (found.cause("conv1", c, SENTENCE) for c in range(2))
    assert read.passed
    assert read.r == pytest.approx(-1, abs=1e-5)
    assert (unread.r, unread.passed) == (0, False)
    assert found.rules == (SENTENCE,)
    # A rule of some channel is no label of the others.
    assert not found.tested[found.labels.index(SENTENCE)]
    assert found.best("conv1", 0).label != SENTENCE


def test_channels_of_random_networks_hardly_cause_by_the_rule_of_the_network():
    """Each carries a label, but none more than those of other random networks."""
    random, pairs, tested = np.random.default_rng(0), drawn_pairs(12), np.ones(12, bool)
    shares = []
    for seed in range(8):
        labels = pairs.differences
        networks = [_carrying(labels, random, 0.3, 0.7) for _ in range(6)]
        networks[0] = _carrying(labels, random, 0.9, 0.95)

        layer = _correlate(networks, pairs, tested, lead=0.1, seed=seed)

        shares.append(layer.random_causing)
        assert layer.exchanged_causing < 0.01
        assert layer.passed.any()

    assert np.mean(shares) < 0.02


def drawn_pairs(labels: int) -> Interchanges:
    """Return pairs of positions of games of their own with random labels."""
    columns = np.random.default_rng(1).normal(size=(600, labels))
    rows, plies = np.arange(300), np.zeros(600, np.int64)
    nested = np.eye(labels, dtype=bool)
    return Interchanges(rows, rows + 300, plies, np.arange(600), columns, nested)


def _carrying(labels, random, low, high):
    r = random.uniform(low, high, 24)
    chosen = labels[:, random.integers(0, labels.shape[1], 24)]
    noise = random.normal(size=chosen.shape) * labels.std()
    return r * chosen + np.sqrt(1 - r**2) * noise
