import numpy as np
import pytest

from conceptlrp.figures.evaluation_figures import faithfulness_figure, sanity_figure
from conceptlrp.figures.style import FOR
from tests.figures.conftest import CASCADE, COMPOSITES
from tests.figures.reading import texts


def panel(figure, title):
    (found,) = [a for a in figure.axes if a.get_title(loc="left") == title]
    return found


def spans(axes):
    """Steps over which the bar at the foot of a panel stands."""
    return [
        (patch.get_x(), patch.get_x() + patch.get_width())
        for patch in axes.patches
        if patch.get_height() == 0.03
    ]


def test_there_is_a_panel_for_each_perturbation_and_each_layer(evaluation):
    figure = faithfulness_figure(evaluation)

    titles = {axes.get_title(loc="left") for axes in figure.axes} - {""}
    discs = {"Discs removed", "Discs turned over", "Discs of another board"}
    assert titles == discs | {"conv1", "conv2", "Agreement with ablation"}


def test_agreement_is_drawn_above_the_mean_beside_the_plain_one(evaluation):
    axes = panel(faithfulness_figure(evaluation), "Agreement with ablation")

    drawn = {tuple(x.get_ydata()) for x in axes.lines if x.get_marker() != "None"}
    assert drawn >= {(0.9, 0.9), (0.5, 0.5), (0.2, 0.2)}
    assert (0.3, 0.3) not in drawn
    assert [t.get_text() for t in axes.get_xticklabels()] == ["conv1", "conv2"]


def test_without_the_agreement_of_an_output_it_is_not_drawn(evaluation):
    figure = faithfulness_figure(evaluation, target="value")

    titles = {axes.get_title(loc="left") for axes in figure.axes}
    assert "conv1" in titles
    assert "Agreement with ablation" not in titles


def test_curves_begin_with_nothing_taken_away_and_have_intervals(evaluation):
    axes = panel(faithfulness_figure(evaluation), "Discs removed")

    lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert lines["relevance"] == [0, 1.5, 3.0, 4.5, 6.0]
    assert lines["occlusion"] == [0, 3.0, 6.0, 9.0, 12.0]
    assert len(axes.collections) == 3


def test_the_composite_that_is_drawn_can_be_chosen(evaluation):
    figure = faithfulness_figure(evaluation, composite="epsilon")

    lines = panel(figure, "Discs removed").lines
    (mine,) = [line for line in lines if line.get_label() == "relevance"]
    assert mine.get_ydata()[-1] == 8.0
    assert "relevance (epsilon)" in texts(figure)


def test_the_bar_stands_where_intervals_are_apart_and_nowhere_else(evaluation):
    figure = faithfulness_figure(evaluation)

    # 1.5 k - 0.5 exceeds 0.2 k + 0.5 from the first step on.
    assert spans(panel(figure, "Discs removed"))[0][0] == 0.5
    assert len(spans(panel(figure, "Discs removed"))) == 4
    assert spans(panel(figure, "conv1")) == []


def test_orders_differ_without_colour(evaluation):
    axes = panel(faithfulness_figure(evaluation), "conv1")

    looks = {(str(x.get_linestyle()), x.get_marker()) for x in axes.lines[:4]}
    assert len({x.get_marker() for x in axes.lines[:4]}) == len(looks) == 4
    assert [x.get_color() for x in axes.lines if x.get_label() == "relevance"] == [FOR]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"composite": "zeta"}, "unknown composite 'zeta', expected one of"),
        ({"target": "other"}, "target 'other' was not evaluated"),
        ({"ablation": "noise"}, "unknown ablation 'noise', expected one of"),
    ],
)
def test_what_was_not_evaluated_is_refused(evaluation, options, message):
    with pytest.raises(ValueError, match=message):
        faithfulness_figure(evaluation, **options)


def test_every_composite_has_a_row_and_the_recommended_one_is_bold(evaluation):
    axes = panel(sanity_figure(evaluation), "Gates")

    labels = axes.get_yticklabels()
    assert tuple(label.get_text() for label in labels) == COMPOSITES
    assert [label.get_fontweight() for label in labels] == ["normal", "bold"]


def test_gates_that_fail_or_are_open_are_seen(evaluation):
    axes = panel(sanity_figure(evaluation), "Gates")

    assert [text.get_text() for text in axes.texts] == list("✓✓✓✗?") * 2


def test_what_was_not_measured_is_not_drawn(evaluation):
    axes = panel(sanity_figure(evaluation), "Empty squares")

    marks = [x for x in axes.lines if x.get_marker() == "o"]
    drawn = [tuple(x.get_xydata()[0]) for x in marks if np.isfinite(x.get_xdata()[0])]
    assert drawn == [(0.0, 0.0)]


def test_cascades_have_a_column_for_each_layer(evaluation):
    axes = panel(sanity_figure(evaluation), "Random weights, top down")

    assert [label.get_text() for label in axes.get_xticklabels()] == list(CASCADE)
    assert [text.get_text() for text in axes.texts[:3]] == ["0.70", "0.40", "0.10"]
    assert axes.images[0].get_clim() == (0, 1)
