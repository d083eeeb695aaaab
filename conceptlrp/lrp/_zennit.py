"""Import zennit where torchvision is missing or does not fit the installed torch.

zennit 0.5.1 imports two ResNet block classes from torchvision when it is
imported, and nothing else of it. Beside a CPU build of torch the torchvision
of PyPI raises (it is built for CUDA), so importing zennit would fail on many
machines. The gate lends zennit two placeholder classes while it is imported;
a later ``import torchvision`` behaves as if the gate had never been there.
"""

import importlib
import sys
import types
import warnings

from torch import nn

_BLOCKS_MODULE = "torchvision.models.resnet"


def import_zennit() -> types.ModuleType:
    """Import zennit, with placeholders for torchvision where it is unusable.

    Returns: the package ``zennit``.
    """
    if "zennit" in sys.modules:
        return sys.modules["zennit"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torchvision: missing image extension
            return importlib.import_module("zennit")
    except (ImportError, OSError, RuntimeError):
        _forget("zennit")
        _forget("torchvision")
    sys.modules.update(_placeholders())
    try:
        return importlib.import_module("zennit")
    finally:
        _forget("torchvision")


def _placeholders() -> dict[str, types.ModuleType]:
    names = ("torchvision", "torchvision.models", _BLOCKS_MODULE)
    modules = {name: types.ModuleType(name) for name in names}
    for block in ("BasicBlock", "Bottleneck"):
        setattr(modules[_BLOCKS_MODULE], block, type(block, (), {}))
    return modules


def _forget(package: str) -> None:
    """Drop a package and its submodules from the modules that are loaded."""
    for name in [n for n in sys.modules if n.split(".")[0] == package]:
        del sys.modules[name]


import_zennit()

from zennit.composites import (  # noqa: E402
    LayerMapComposite as LayerMapComposite,
    NameLayerMapComposite as NameLayerMapComposite,
    layer_map_base as layer_map_base,
)
from zennit.core import (  # noqa: E402
    BasicHook as BasicHook,
    Composite as Composite,
    Hook as Hook,
    ParamMod as ParamMod,
)
from zennit.layer import Sum as Sum  # noqa: E402
from zennit.rules import (  # noqa: E402
    AlphaBeta as AlphaBeta,
    Epsilon as Epsilon,
    Flat as Flat,
    Gamma as Gamma,
    Norm as Norm,
    Pass as Pass,
    WSquare as WSquare,
    ZPlus as ZPlus,
)
from zennit.types import (  # noqa: E402
    Activation as Activation,
    Convolution as Convolution,
    Linear as Linear,
)

# zennit's activations are without Mish, so that no composite would know its rule, and
# with attention, which is none: relevance would go through it as it is.
_activations = [k for k in Activation.__subclass__ if k is not nn.MultiheadAttention]
Activation.__subclass__ = tuple(dict.fromkeys((*_activations, nn.Mish)))
