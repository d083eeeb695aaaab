"""Linear modules and poolings seen as convolutions of a feature map.

Shapes use C input channels, O output channels and an H x W feature map.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from conceptlrp.lrp.engine.program import Operation, UnknownOperationError

Shape = tuple[int, int]


@dataclass(frozen=True)
class ConvolutionShape:
    """How a convolution moves over a feature map, as in `torch.nn.Conv2d`.

    ``groups`` is 1, or the number of channels for pooling.
    """

    kernel: Shape
    stride: Shape = (1, 1)
    padding: Shape = (0, 0)
    dilation: Shape = (1, 1)
    groups: int = 1

    def output(self, height: int, width: int) -> Shape:
        """Return the size of the output for an input of a size."""
        sizes = []
        for i, side in enumerate((height, width)):
            reach = self.dilation[i] * (self.kernel[i] - 1) + 1
            sizes.append((side + 2 * self.padding[i] - reach) // self.stride[i] + 1)
        return sizes[0], sizes[1]


def channels_last(maps: Tensor) -> Tensor:
    """Lay maps (N, C, H, W) out with channels innermost, as kernels are fastest.

    Strides say so too where sides of one leave them open: kernels go by strides.
    """
    maps = maps.contiguous(memory_format=torch.channels_last)
    n, c, h, w = maps.shape
    return maps.as_strided((n, c, h, w), (c * h * w, 1, w * c, c))


def product(rows: Tensor, matrix: Tensor, bias: Tensor | None = None) -> Tensor:
    """Multiply (R, K) with (K, O), whose columns or rows lie in one piece, plus (O,).

    By oneDNN's kernels where torch has them: the ones that it takes by itself do half
    the work a second on processors with AVX-512 that are not Intel's.
    """
    if _has_kernels() and rows.dtype is torch.float32 and rows.device.type == "cpu":
        kernel = torch.ops.mkldnn._linear_pointwise
        found: Tensor = kernel(rows.contiguous(), matrix.T, bias, "none", [], "")
        return found
    return rows @ matrix if bias is None else torch.addmm(bias, rows, matrix)


@cache
def _has_kernels() -> bool:
    """Whether oneDNN's matrix product is there and right, which is found by trying."""
    rows = torch.arange(24.0).view(3, 8)
    matrix = torch.arange(40.0).view(8, 5)
    try:
        kernel = torch.ops.mkldnn._linear_pointwise
        found = kernel(rows, matrix.T, None, "none", [], "")
    except (AttributeError, RuntimeError):
        return False
    return bool(torch.allclose(found, rows @ matrix, atol=1e-5))


def as_convolution(
    operation: Operation, shape: tuple[int, ...]
) -> tuple[ConvolutionShape, Tensor, Tensor | None]:
    """See an operation as a convolution of an input of shape (C, H, W).

    Returns: How it moves; (O, C, h, w): its weights; for a pooling (C, 1, h, w), one
    group a channel; (O,): its bias.
    """
    module = operation.module
    channels, height, width = shape
    if isinstance(module, nn.Conv2d):
        geometry = ConvolutionShape(
            _pair(module.kernel_size),
            _pair(module.stride),
            _padding(module),
            _pair(module.dilation),
        )
        bias = None if module.bias is None else module.bias.detach()
        return geometry, dense_weight(module, module.weight), bias
    if isinstance(module, nn.Linear):
        # Behind a flatten it reads a whole map: a kernel as large as the map, with
        # one place to lie.
        if module.in_features != channels * height * width:
            msg = f"linear module '{operation.label}' along one side of a map"
            raise UnknownOperationError(msg)
        weight = module.weight.detach().reshape(-1, channels, height, width)
        bias = None if module.bias is None else module.bias.detach()
        return ConvolutionShape((height, width)), weight, bias
    # An average is a convolution by one over the area, every channel by itself.
    geometry = _pooling(operation, height, width, channels)
    value = 1.0 / (geometry.kernel[0] * geometry.kernel[1])
    return geometry, torch.full((channels, 1, *geometry.kernel), value), None


def dense_weight(module: nn.Module, weight: Tensor) -> Tensor:
    """Return weights (O, C / G, ...) of G groups with zeros between groups."""
    groups, width = int(getattr(module, "groups", 1)), weight.shape[1]
    if groups == 1:
        return weight.detach()
    sides = [(i * width, (groups - 1 - i) * width) for i in range(groups)]
    parts = zip(weight.detach().chunk(groups), sides, strict=True)
    return torch.cat([nn.functional.pad(p, (0, 0, 0, 0, *side)) for p, side in parts])


def _pair(value: Any) -> Shape:
    return (value, value) if isinstance(value, int) else (value[0], value[1])


def _padding(module: nn.Conv2d) -> Shape:
    if isinstance(module.padding, str):
        if module.padding == "valid":
            return 0, 0
        kernel, dilation = _pair(module.kernel_size), _pair(module.dilation)
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        if totals[0] % 2 or totals[1] % 2:
            msg = "padding 'same' of an even kernel is not known"
            raise UnknownOperationError(msg)
        return totals[0] // 2, totals[1] // 2
    return _pair(module.padding)


def _pooling(
    operation: Operation, height: int, width: int, channels: int
) -> ConvolutionShape:
    module = operation.module
    if isinstance(module, nn.AvgPool2d):
        plain = module.count_include_pad or _pair(module.padding) == (0, 0)
        if plain and not module.ceil_mode and module.divisor_override is None:
            return ConvolutionShape(
                _pair(module.kernel_size),
                _pair(module.stride),
                _pair(module.padding),
                groups=channels,
            )
    elif isinstance(module, nn.AdaptiveAvgPool2d):
        rows, columns = _pair(module.output_size)
        if height % rows == 0 and width % columns == 0:
            kernel = (height // rows, width // columns)
            return ConvolutionShape(kernel, kernel, groups=channels)
    msg = f"this form of pooling in '{operation.label}' is not known"
    raise UnknownOperationError(msg)
