"""What conceptlrp takes of zennit, 0.5.1 or 1.0."""

from torch import nn
from zennit.composites import (
    LayerMapComposite as LayerMapComposite,
    NameLayerMapComposite as NameLayerMapComposite,
    layer_map_base as layer_map_base,
)
from zennit.core import (
    BasicHook as BasicHook,
    Composite as Composite,
    Hook as Hook,
    ParamMod as ParamMod,
)
from zennit.layer import Sum as Sum
from zennit.rules import (
    AlphaBeta as AlphaBeta,
    Epsilon as Epsilon,
    Flat as Flat,
    Gamma as Gamma,
    Norm as Norm,
    Pass as Pass,
    WSquare as WSquare,
    ZPlus as ZPlus,
)
from zennit.types import (
    Activation as Activation,
    Convolution as Convolution,
    Linear as Linear,
)

# zennit's activations are without Mish, so that no composite would know its rule, and
# with attention, which is none: relevance would go through it as it is.
_activations = [k for k in Activation.__subclass__ if k is not nn.MultiheadAttention]
Activation.__subclass__ = tuple(dict.fromkeys((*_activations, nn.Mish)))
