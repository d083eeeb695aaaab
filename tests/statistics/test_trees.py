import numpy as np
from sklearn.tree import DecisionTreeRegressor

from conceptlrp.statistics.trees import grow


def test_trees_are_those_of_another_library():
    random = np.random.default_rng(2)
    flags = random.random((2000, 12)) < 0.4
    values = flags[:, :3] + flags[:, 3:6] * flags[:, 6:9] + random.random((2000, 3))
    values = (values - values.mean(axis=0)) / values.std(axis=0)

    trees = grow(flags, values.astype(np.float32), leaves=8, depth=4)

    predicted = np.take_along_axis(trees.mean, trees.leaves(flags).astype(int), axis=0)
    for c in range(3):
        tree = DecisionTreeRegressor(max_leaf_nodes=8, max_depth=4, min_samples_leaf=20)
        expected = tree.fit(flags, values[:, c]).predict(flags)
        np.testing.assert_allclose(predicted[:, c], expected, atol=1e-4)


def test_nodes_hold_the_rows_that_their_paths_lead_to():
    random = np.random.default_rng(3)
    flags = random.random((600, 8)) < 0.5
    values = (flags[:, :2] * flags[:, 2:4] - 0.25).astype(np.float32)

    trees = grow(flags, values, leaves=6, depth=3)

    found = trees.leaves(flags)
    for channel in range(2):
        for path, leaves in trees.nodes(channel):
            expected = np.all(
                [flags[:, flag] == is_set for flag, is_set in path], axis=0
            )
            np.testing.assert_array_equal(leaves[found[:, channel]], expected)


def test_a_constant_column_has_no_split():
    trees = grow(np.eye(100, 3) > 0, np.zeros((100, 1), np.float32), leaves=4, depth=2)

    assert (trees.leaf == -1).all()
    assert trees.nodes(0) == []
