"""Products and layouts: the fast kernels compute what the plain ones do."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from conceptlrp.lrp import Explainer
from conceptlrp.lrp.batch import summarize_layers
from conceptlrp.lrp.engine.geometry import channels_last, product
from conceptlrp.networks.architectures import BoardNetwork
from conceptlrp.networks.demo import demo_corpus, demo_network, demo_tower


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("n_rows", [0, 1, 37])
def test_a_product_is_torchs(n_rows: int, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(n_rows, 12, generator=generator, dtype=dtype)
    matrix = torch.randn(12, 7, generator=generator, dtype=dtype)
    bias = torch.randn(7, generator=generator, dtype=dtype)

    torch.testing.assert_close(product(rows, matrix), rows @ matrix)
    torch.testing.assert_close(product(rows, matrix, bias), rows @ matrix + bias)
    columns = matrix.T.contiguous().T
    torch.testing.assert_close(product(rows, columns), rows @ matrix)


@pytest.mark.parametrize("shape", [(3, 1, 4, 4), (2, 5, 3, 4), (4, 6, 1, 1)])
def test_channels_lie_innermost_whatever_the_sizes(shape: tuple[int, ...]) -> None:
    maps = torch.arange(float(np.prod(shape))).view(shape)

    found = channels_last(maps)

    assert torch.equal(found, maps)
    assert found.stride() == (maps[0].numel(), 1, shape[3] * shape[1], shape[1])


def test_the_peak_is_the_first_of_equal_squares() -> None:
    maps = torch.tensor([[[[0.0, 2.0], [2.0, 1.0]], [[0.0, 0.0], [0.0, 0.0]]]])

    found = summarize_layers({}, {"conv1": maps})

    assert found["peak"]["conv1"].tolist() == [[2.0, 0.0]]
    assert found["peak_square"]["conv1"].tolist() == [[1, 0]]


@pytest.mark.parametrize("network", [demo_network, demo_tower])
def test_single_precision_gives_the_heatmaps_of_double(
    network: Callable[[], BoardNetwork],
) -> None:
    positions = demo_corpus().sample(4, seed=1)
    single, double = (
        Explainer(network(), composite="epsilon-gamma", dtype=dtype)
        for dtype in ("float32", "float64")
    )

    found = single.attribute(positions, targets=["best"], conditional=True)

    expected = double.attribute(positions, targets=["best"], conditional=True)
    for layer, maps in expected.conditional.items():
        scale = np.abs(maps).max() or 1.0
        np.testing.assert_allclose(
            found.conditional[layer] / scale, maps / scale, atol=1e-4
        )
