"""Let zennit be imported where torchvision is missing or does not fit torch.

zennit takes three classes of torchvision when it is imported (0.5.1: two), only to
compare types with them. Beside a CPU build of torch the torchvision of PyPI raises
(it is built for CUDA), and zennit would with it. Whoever imports zennit after
conceptlrp finds it here: placeholders stand in while it is imported, and a later
``import torchvision`` behaves as if they had never been there.
"""

import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

_CLASSES = ("BasicBlock", "Bottleneck", "FrozenBatchNorm2d")
_MODULES = ("torchvision", "torchvision.models.resnet", "torchvision.ops")


class ZennitFinder(SourceFileLoader):
    """Find zennit, and run it with torchvision or without."""

    @classmethod
    def find_spec(cls, name: str, path: Any, _target: Any = None) -> ModuleSpec | None:
        spec = PathFinder.find_spec(name, path) if name == "zennit" else None
        if spec and isinstance(spec.loader, SourceFileLoader):
            spec.loader = cls(name, spec.loader.path)
        return spec

    def exec_module(self, module: ModuleType) -> None:
        before = dict(sys.modules)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torchvision: missing image extension
                for name in _MODULES:
                    import_module(name)
        except Exception:
            stand_in = ModuleType("torchvision")
            classes = {name: type(name, (), {}) for name in _CLASSES}
            vars(stand_in).update(classes, ops=stand_in)
            _replace_torchvision(dict.fromkeys(_MODULES, stand_in))
        else:
            super().exec_module(module)
            return
        try:
            super().exec_module(module)
        finally:
            _replace_torchvision(before)


def _replace_torchvision(modules: Mapping[str, ModuleType]) -> None:
    """Load of torchvision what is among these modules, and nothing else."""
    for name in [n for n in sys.modules if n.split(".")[0] == "torchvision"]:
        del sys.modules[name]
    sys.modules.update(
        {n: m for n, m in modules.items() if n.split(".")[0] == "torchvision"}
    )
