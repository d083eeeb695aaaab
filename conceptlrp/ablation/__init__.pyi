from .channels import (
    ablate as ablate,
)
from .result import (
    Ablation as Ablation,
    LayerEffects as LayerEffects,
)

__all__ = [
    "Ablation",
    "LayerEffects",
    "ablate",
]
