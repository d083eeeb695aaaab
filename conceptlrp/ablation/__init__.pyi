from .channels import (
    ablate as ablate,
)
from .file import (
    load_effects as load_effects,
    save_effects as save_effects,
)
from .result import (
    Ablation as Ablation,
    LayerEffects as LayerEffects,
)

__all__ = [
    "Ablation",
    "LayerEffects",
    "ablate",
    "load_effects",
    "save_effects",
]
