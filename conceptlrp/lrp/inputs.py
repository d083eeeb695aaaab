"""What goes into a network: devices, planes, number types."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from conceptlrp.errors import check_choice
from conceptlrp.networks.planes import Encoding

_DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "tf32": torch.float32,
}


def checked_device(name: str) -> torch.device:
    """Return a device by name."""
    try:
        torch.empty(0, device=name).cpu()
    # Each kind of device has its own error for not being there.
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).partition("\n")[0]
        msg = f"device is '{name}', which cannot be used ({reason})"
        raise ValueError(msg) from error
    return torch.device(name)


def checked_dtype(name: str, device: torch.device) -> torch.dtype:
    """Return a dtype by name, unless the device would be slow at it."""
    check_choice("dtype", name, _DTYPES)
    if name == "tf32" and device.type != "cuda":
        msg = f"tf32 is a mode of CUDA devices, not of '{device}'; use 'float32'"
        raise ValueError(msg)
    dtype = _DTYPES[name]
    on_cpu = dtype is torch.bfloat16 and device.type == "cpu"
    if on_cpu and not has_bfloat16():
        msg = (
            "this processor has no bfloat16 instructions and would be 5 to 100 times "
            "slower than with float32; use 'float32'"
        )
        raise ValueError(msg)
    return dtype


def has_bfloat16() -> bool:
    """Whether this processor has instructions for bfloat16."""
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def products_in(*, tf32: bool) -> Iterator[None]:
    """Let CUDA multiply in TF32 or in full float32 meanwhile.

    torch lets convolutions use TF32 unless told otherwise, which would cost
    relevance half of its digits in silence.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = tf32
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def probe_boards(size: int, encoding: Encoding) -> Tensor:
    """Return the planes of boards of random discs on which outputs are compared."""
    generator = torch.Generator().manual_seed(0)
    boards = torch.randint(-1, 2, (16, size, size), generator=generator)
    return torch.from_numpy(encoding(boards.numpy().astype(np.int8))).double()
