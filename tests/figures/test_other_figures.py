import numpy as np
import pytest
from matplotlib.collections import PathCollection, QuadMesh
from matplotlib.patches import PathPatch, Rectangle

from conceptlrp.figures.boards import empty_board_figure, mean_maps_figure
from conceptlrp.figures.concept_graph import concept_graph_figure
from conceptlrp.figures.label_matrix import label_matrix_figure
from conceptlrp.figures.points import channel_map_figure, embedding_figure
from conceptlrp.figures.style import AGAINST, FOR
from conceptlrp.networks import demo_network
from tests.figures.conftest import HOSTILE, made_clustering
from tests.figures.reading import texts


def frames(axes):
    """Place and thickness of the frames in a matrix."""
    found = axes.findobj(Rectangle)
    return {p.get_xy(): p.get_linewidth() for p in found if not p.get_fill()}


def test_the_matrix_leaves_out_labels_that_were_not_tested(scores):
    axes = label_matrix_figure(scores).axes[0]

    rows = [label.get_text() for label in axes.get_yticklabels()]
    assert rows[0] == "own corners"
    assert rows[1].startswith("<script>")
    assert len(rows) == 2


def test_named_channels_come_first_and_have_a_thick_frame(scores):
    axes = label_matrix_figure(scores).axes[0]

    columns = [int(label.get_text()) for label in axes.get_xticklabels()]
    assert columns[:2] == [4, 2]
    assert frames(axes) == {(0, 0): 1.3, (1, 1): 0.4}


def test_effects_run_from_minus_one_to_one(scores):
    (mesh,) = label_matrix_figure(scores).axes[0].findobj(QuadMesh)

    assert mesh.get_clim() == (-1, 1)
    assert mesh.get_array().reshape(2, 6)[0, 0] == 0.9


def test_a_measure_can_be_chosen(scores):
    figure = label_matrix_figure(scores, measure="activation", channels=1)

    (mesh,) = figure.axes[0].findobj(QuadMesh)
    assert mesh.get_array().ravel().tolist() == [-0.45, -0.05]
    assert "effect of activation" in texts(figure)
    with pytest.raises(ValueError, match="unknown measure 'peak'"):
        label_matrix_figure(scores, measure="peak")


def test_every_cluster_has_its_points_and_its_number(clustering):
    figure = embedding_figure(clustering)

    points = figure.axes[0].findobj(PathCollection)
    assert sorted(len(each.get_offsets()) for each in points) == [5, 10, 20]
    assert {"0", "1"} <= set(texts(figure))
    assert "2 clusters, HDBSCAN, 5 positions are noise" in texts(figure)


def test_a_sample_is_drawn_of_many_positions(clustering):
    figure = embedding_figure(clustering, max_points=12)

    points = figure.axes[0].findobj(PathCollection)
    assert sum(len(each.get_offsets()) for each in points) == 12
    assert any(text.endswith("12 drawn") for text in texts(figure))


def test_a_clustering_without_an_embedding_is_refused():
    with pytest.raises(ValueError, match="has no embedding; cluster again"):
        embedding_figure(made_clustering(embedding=False))


def test_channels_at_one_place_are_pushed_apart():
    figure = channel_map_figure(
        np.zeros((6, 2)), np.arange(6.0), range(6), name="share", title=""
    )

    axes = figure.axes[0]
    (points,) = [p for p in axes.findobj(PathCollection) if len(p.get_offsets())]
    places = axes.transData.transform(points.get_offsets()) / figure.dpi
    steps = places[:, None] - places + 9 * np.eye(6)[..., None]
    assert np.hypot(steps[..., 0], steps[..., 1]).min() > 0.13


def test_the_scale_of_sizes_begins_at_zero():
    places = np.random.default_rng(0).normal(size=(3, 2))
    sizes = np.array([0.1, 0.4, 0.2])

    figure = channel_map_figure(places, sizes, [4, 7, 9], name="share", title="")

    (points,) = figure.axes[0].findobj(PathCollection)
    assert points.get_clim() == (0, 0.4)
    assert {"0", "0.4", "4", "7", "9"} <= set(texts(figure))


def test_edges_have_the_sign_and_the_share_of_what_flows(graph):
    figure = concept_graph_figure(graph, paths=2)

    edges = figure.axes[0].findobj(PathPatch)
    looks = {(e.get_edgecolor()[:3], e.get_linestyle() != "-") for e in edges}
    thick = sorted(e.get_linewidth() for e in edges)
    # Of the target's 0.9, channel 0 has two thirds and sends on 0.5 of its 0.6.
    assert len(edges) == 4
    assert thick == pytest.approx([2.0, 4.0, 4.0, 5.0], rel=1e-6)
    assert len(looks) == 2


def test_only_channels_on_the_paths_are_drawn(graph):
    written = texts(concept_graph_figure(graph, names={("conv2", 0): HOSTILE}))

    assert "played" in written
    assert {"conv1", "conv2"} <= set(written)
    assert sum(text.startswith("<script>") for text in written) == 1


def test_colours_of_both_signs_are_in_the_legend(graph):
    (legend,) = concept_graph_figure(graph).legends

    assert [line.get_color() for line in legend.get_lines()[:2]] == [FOR, AGAINST]


def test_mean_maps_have_limits_of_their_own():
    maps = np.ones((3, 8, 8)) * np.array([0.1, 0.0, 2.0])[:, None, None]

    figure = mean_maps_figure(maps, -maps, names=["0", "1", "2"], title="")

    limits = [m.get_clim() for a in figure.axes[:6] for m in a.findobj(QuadMesh)]
    assert limits == [(-0.1, 0.1)] * 2 + [(-1, 1)] * 2 + [(-2.0, 2.0)] * 2
    assert {"±0.1", "no relevance", "±2", "for", "against"} <= set(texts(figure))


def test_only_rules_with_flat_draw_on_an_empty_board_figure():
    figure = empty_board_figure(demo_network(), ["epsilon-flat", "epsilon"], move="c4")

    maps = [m.get_array() for a in figure.axes[:4] for m in a.findobj(QuadMesh)]
    assert [bool(np.any(each)) for each in maps] == [True, False, True, False]
    written = texts(figure)
    assert written.count("no relevance") == 2
    assert any(text.startswith("logit of c4, ") for text in written)
