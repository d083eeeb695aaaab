from .ablate import (
    channel_effects as channel_effects,
)
from .file import (
    load_effects as load_effects,
    save_effects as save_effects,
)
from .result import (
    ChannelEffects as ChannelEffects,
    LayerEffects as LayerEffects,
)

__all__ = [
    "ChannelEffects",
    "LayerEffects",
    "channel_effects",
    "load_effects",
    "save_effects",
]
