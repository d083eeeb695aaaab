from .ablate import (
    channel_effects as channel_effects,
)
from .result import (
    Ablation as Ablation,
    LayerEffects as LayerEffects,
)

__all__ = [
    "Ablation",
    "LayerEffects",
    "channel_effects",
]
