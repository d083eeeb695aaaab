"""Composites evaluated on a small network, everything at once."""

import json

import pytest

from conceptlrp.errors import CompositeError
from conceptlrp.evaluation import CompositeEvaluation, evaluate_composites
from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from tests.evaluation.conftest import AddingNetwork

COMPOSITES = ("gradient-x-input", "epsilon", "epsilon-plus-flat")


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, int, int]]:
    return []


@pytest.fixture(scope="module")
def evaluation(games: Corpus, steps: list[tuple[str, int, int]]) -> CompositeEvaluation:
    return evaluate_composites(
        AddingNetwork(),
        games,
        composites=COMPOSITES,
        n_positions=8,
        n_cascade=2,
        on_progress=lambda *step: steps.append(step),
    )


def test_epsilon_is_gradient_times_input_in_everything_it_measures(
    evaluation: CompositeEvaluation,
) -> None:
    table = evaluation.frame()

    for column in table:
        gradient, epsilon = table.loc[["gradient-x-input", "epsilon"], column]
        assert gradient == pytest.approx(epsilon, abs=2e-3), column
    pair = evaluation.agreement[0]
    assert (pair.composite, pair.other) == ("gradient-x-input", "epsilon")
    assert pair.cosine == pytest.approx(1, abs=1e-4)


def test_every_composite_is_measured_beside_the_baselines(
    evaluation: CompositeEvaluation,
) -> None:
    table = evaluation.frame()

    assert tuple(table.index[:3]) == COMPOSITES
    assert {"random", "center", "occlusion", "activation"} < set(table.index)
    assert not table.loc[list(COMPOSITES)].isna().any().any()
    found = evaluation.findings.find("channel_gain", method="epsilon")
    assert {m.part.split()[0] for m in found} == {"conv1"}
    assert {m.target for m in found} == {"best", "value"}
    assert {(m.part.split()[1], m.baseline) for m in found} == {
        ("zero", "zero"),
        ("mean", "mean"),
        ("resample", "donor"),
    }


@pytest.mark.parametrize("target", ["best", "value"])
def test_scores_of_channels_stand_beside_activation_for_both_heads(
    evaluation: CompositeEvaluation, target: str
) -> None:
    rows = evaluation.channel_agreement(target)

    above = "above what replaces it"
    for name in (*COMPOSITES, "activation", "gradient x activation"):
        assert {name, f"{name} {above}"} <= set(rows)
    assert f"random {above}" not in rows
    # Nothing interacts in this network: relevance is the effect to the last channel.
    for name in COMPOSITES:
        for ablation in ("mean", "another map"):
            found = rows[f"{name} {above}"][f"{ablation}: one position"]
            assert found is not None
            assert found.mean == pytest.approx(1)
    frame = evaluation.channel_frame()
    assert set(frame["target"]) == {"best", "value"}
    assert len(frame) == 2 * len(rows)


def test_it_is_written_as_json_and_as_tables(evaluation: CompositeEvaluation) -> None:
    content = json.loads(json.dumps(evaluation.to_dict(), allow_nan=False))
    tables = evaluation.tables()

    assert content["recommendation"]["first"] in COMPOSITES
    assert content["warnings"]["epsilon"] == list(evaluation.warnings("epsilon"))
    assert len(content["measurements"]) == len(tables["measurements"])
    assert len(tables["gates"]) == 5 * len(COMPOSITES)
    assert len(content["details"]["epsilon"]["cascades"]) == 2
    assert max(content["details"]["epsilon"]["additivity"].values()) < 1e-4
    # Eight positions are of eight games at most.
    unknown = tables["curves"].columns[tables["curves"].isna().any()]
    assert sorted(unknown) == sorted(
        f"{part}_{end}" for part in ("fall", "least_first") for end in ("low", "high")
    )
    assert content["games"] < 10
    assert not tables["gates"]["state"].isin(["passed", "failed"]).any()


def test_an_evaluation_shows_itself_briefly(evaluation: CompositeEvaluation) -> None:
    assert evaluation.recommendation.composite in repr(evaluation)
    assert len(repr(evaluation)) < 150


def test_a_gate_that_fails_is_a_warning(evaluation: CompositeEvaluation) -> None:
    for name in COMPOSITES:
        failing = [gate for gate in evaluation.gates[name] if not gate.passed]
        assert evaluation.warnings(name) == tuple(g.warning for g in failing)
        assert all(name in gate.warning for gate in failing)


def test_the_same_seed_gives_the_same_numbers(games: Corpus) -> None:
    first, again = (
        evaluate_composites(
            AddingNetwork(),
            games,
            composites=["epsilon"],
            n_positions=4,
            n_cascade=2,
            seed=5,
        )
        for _ in range(2)
    )

    assert first.to_dict() == again.to_dict()


def test_progress_counts_baselines_and_composites(
    evaluation: CompositeEvaluation, steps: list[tuple[str, int, int]]
) -> None:
    assert steps == [("evaluate", done, 4) for done in (0, 1, 2, 3, 4)]


def test_no_composite_and_an_unknown_one_are_refused(
    network: OthelloNet, games: Corpus
) -> None:
    with pytest.raises(CompositeError, match="no composite to evaluate"):
        evaluate_composites(network, games, composites=[])
    with pytest.raises(CompositeError, match="unknown composite 'zeta'"):
        evaluate_composites(network, games, composites=["zeta"])
