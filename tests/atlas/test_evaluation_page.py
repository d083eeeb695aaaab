"""The page of the evaluation says what was measured, and what was not."""

import pytest

from conceptlrp.atlas.pages.evaluation_page import (
    EVALUATION_PAGE,
    write_evaluation_page,
)
from conceptlrp.atlas.site import Site
from conceptlrp.evaluation import RulesTruth, TruthScore
from conceptlrp.statistics.estimates import Estimate
from tests.atlas.test_pages import Page
from tests.planted_evaluation import planted_evaluation

OWN = "epsilon-flat"


def measurement(method, metric, mean, *, target="best", part="empty"):
    return {
        "method": method, "metric": metric, "target": target, "part": part,
        "mean": mean, "low": mean - 1, "high": mean + 1, "n": 9,
    }  # fmt: skip


def curve(method, metric, height):
    steps = [
        {"gone": k, "fall_mean": height * k, "fall_low": height * k - 1,
         "fall_high": height * k + 1}
        for k in (1, 2, 3)
    ]  # fmt: skip
    return {
        "method": method, "metric": metric, "target": "best", "part": "empty",
        "steps": steps,
    }  # fmt: skip


def evaluation(*, passed: bool):
    gate = {
        "name": "discs matter <i>", "state": "passed" if passed else "failed",
        "figures": "5 against 1",
        "warning": "discs do not matter",
    }  # fmt: skip
    return {
        "positions": 321,
        "composites": [OWN, "epsilon"],
        "recommendation": {"composite": "epsilon", "reason": "it ranks first"},
        "gates": {OWN: [gate], "epsilon": [gate | {"state": "passed"}]},
        "measurements": [
            measurement(OWN, "square_gain", 4.0),
            measurement("random", "square_gain", 0.25),
            measurement(OWN, "channel_gain", 2.0, part="conv1 zero"),
            measurement(OWN, "channel_gain", 4.0, part="conv1 mean"),
        ],
        "curves": [
            curve(OWN, "square_gain", 2.0),
            curve("random", "square_gain", 0.5),
        ],
        "details": {
            OWN: {"conservation": {"arrived": 0.25, "layers": {"fc1": {"bias": 0.5}}}}
        },
    }


@pytest.fixture
def write(store, tmp_path):
    def written(found) -> tuple[Page, str]:
        site = Site(tmp_path, store, "played", "Atlas", 4, {}, {})
        write_evaluation_page(
            site, None if found is None else planted_evaluation(found)
        )
        page = Page(tmp_path / EVALUATION_PAGE)
        return page, " ".join("".join(page.text).split())

    return written


def test_what_channels_tell_of_the_rules_stands_with_what_it_means(
    store, tmp_path, write
):
    write(None)
    assert "tell of the rules" not in (tmp_path / EVALUATION_PAGE).read_text("utf-8")
    number, other = Estimate(0.664, 0.65, 0.678, 9, 12), Estimate(1, 1, 1, 9, 12)
    score = TruthScore("network", "conv<3>", "units", 2304, "all", number, other)
    truth = RulesTruth(9, 12, 9, {"all": 381}, (score,), 0, "", "")
    site = Site(tmp_path, store, "played", "Atlas", 4, {}, {})

    write_evaluation_page(site, None, truth)

    text = " ".join("".join(Page(tmp_path / EVALUATION_PAGE).text).split())
    assert "Coverage is how well the best single feature tells" in text
    assert "Published for OthelloGPT" in text
    assert "conv<3>" in text
    assert ".664 ± .014" in text


def test_figures_stand_with_their_intervals(write):
    page, text = write(evaluation(passed=True))

    assert "4.00 [3.00, 5.00]" in text
    assert "0.25 [-0.75, 1.25]" in text
    assert "321 positions" in text
    assert "discs matter <i>" in page.text


def test_a_figure_of_several_parts_is_their_mean_without_an_interval(write):
    page, text = write(evaluation(passed=True))

    assert "3.00" in page.text
    assert "3.00 [" not in text.replace("4.00 [3.00, 5.00]", "")


def test_a_gate_that_fails_is_a_warning(write):
    _, passing = write(evaluation(passed=True))
    _, failing = write(evaluation(passed=False))

    assert f"{OWN} passes every gate below." in passing
    assert "Warning: discs do not matter." in failing
    assert "passes every gate below" not in failing


def test_it_says_where_relevance_order_is_clearly_above_chance(write):
    _, text = write(evaluation(passed=True))

    # Intervals of +-1 about 2k and k/2: apart for k of 2 and 3.
    assert (
        "The order of relevance beats random at 2 of 3 steps, intervals apart." in text
    )
    assert "arrives at the board25%" in text


def test_a_composite_that_was_not_evaluated_is_said_so(write):
    found = evaluation(passed=True)
    del found["gates"][OWN]
    found["composites"] = ["epsilon"]
    found["curves"] = []

    _, text = write(found)

    assert f"{OWN}, is not among those evaluated" in text


def test_without_an_evaluation_the_page_says_how_to_make_one(write):
    _, text = write(None)

    assert "conceptlrp evaluate run.crp" in text
    assert "What no figure here can show" in text
