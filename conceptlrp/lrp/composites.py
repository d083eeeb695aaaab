"""Composites by name: which LRP rule each module of a network gets.

A composite is a zennit object; any that a user builds is accepted. The names
here are presets for board networks. "First layer" means the modules that read
the input, by data flow rather than by registration.

====================================  =============  ============  ==========
name                                  first layer    convolutions  linear
====================================  =============  ============  ==========
``epsilon``                           Epsilon        Epsilon       Epsilon
``epsilon-flat``                      Flat           Epsilon       Epsilon
``epsilon-plus``                      ZPlus          ZPlus         Epsilon
``epsilon-plus-flat``                 Flat           ZPlus         Epsilon
``epsilon-gamma``                     Gamma(0.25)    Gamma(0.25)   Epsilon
``epsilon-gamma-flat``                Flat           Gamma(0.25)   Epsilon
``epsilon-alpha2-beta1-flat``         Flat           AlphaBeta     Epsilon
``epsilon-w-square``                  WSquare        Epsilon       Epsilon
``gradient-x-input``                  no rule: value times derivative
====================================  =============  ============  ==========

Two names joined by "+" are a pair: the first sends relevance down to layers, the second
from there, or from the output, to the input. What a channel carries and where on the
board it is read off are two questions, and the rule that answers one best need not
answer the other.

Flat and WSquare give relevance to empty squares too, whose input is zero; the
other rules cannot.

The default is the pair ``epsilon+epsilon-gamma``, chosen on one half of the games of
2012 and confirmed on the other, on the network that ships, the tower and a snapshot
(``tests/benchmarks/composite_choice.py``). Relevance of channels by epsilon above their
mean ranks the channels of a single position as ablating them does, better than any
other rule; in the order of heatmaps by gamma outputs fall sooner as discs go, and more
relevance lies on the discs that make a move legal. Neither is best at the other's task.
"""

from typing import TYPE_CHECKING, Final

from conceptlrp.errors import CompositeError, check_known

if TYPE_CHECKING:
    from torch import fx

    from conceptlrp.lrp._zennit import Composite, Hook

DEFAULT_COMPOSITE: Final = "epsilon+epsilon-gamma"
#: No rule at all: the value times its derivative.
GRADIENT: Final = "gradient-x-input"
#: Rule of the first layer, if it is another one, and rule of convolutions: by name,
#: so that the presets can be listed without importing zennit and torch.
_PRESETS: Final[dict[str, tuple[str | None, str]]] = {
    "epsilon": (None, "Epsilon"),
    "epsilon-flat": ("Flat", "Epsilon"),
    "epsilon-plus": (None, "ZPlus"),
    "epsilon-plus-flat": ("Flat", "ZPlus"),
    "epsilon-gamma": (None, "Gamma"),
    "epsilon-gamma-flat": ("Flat", "Gamma"),
    "epsilon-alpha2-beta1-flat": ("Flat", "AlphaBeta"),
    "epsilon-w-square": ("WSquare", "Epsilon"),
}
COMPOSITES: Final = tuple(sorted([*_PRESETS, GRADIENT]))
#: What is compared by default: every preset, and the default pair.
CANDIDATES: Final = (*COMPOSITES, DEFAULT_COMPOSITE)


def named_composite(name: str, traced: "fx.GraphModule") -> "Composite":
    """Build the zennit composite of a preset for a network."""
    from conceptlrp.lrp import _zennit as zennit
    from conceptlrp.lrp.engine.trace import input_layers

    if name == GRADIENT:
        return zennit.LayerMapComposite([])
    check_composite(name)
    first, convolution = _PRESETS[name]
    layer_map = [
        *zennit.layer_map_base(),
        (zennit.Convolution, getattr(zennit, convolution)()),
        (zennit.Linear, zennit.Epsilon()),
    ]
    if first is None:
        return zennit.LayerMapComposite(layer_map)
    name_map = [(tuple(input_layers(traced)), getattr(zennit, first)())]
    return zennit.NameLayerMapComposite(name_map=name_map, layer_map=layer_map)


def split_pair(name: str) -> tuple[str, str]:
    """Split "a+b" into the preset for channels and that for heatmaps; one is both."""
    channels, _, heatmaps = name.partition("+")
    return channels, heatmaps or channels


def resolve_composites(
    composite: "str | Composite | None",
    heatmaps: "str | Composite | None",
    traced: "fx.GraphModule",
) -> "list[tuple[Composite, str]]":
    """Return the composite with its name, and that of heatmaps if it is another."""
    if composite is None and heatmaps is not None:
        composite = split_pair(DEFAULT_COMPOSITE)[0]
    composite = DEFAULT_COMPOSITE if composite is None else composite
    if isinstance(composite, str) and "+" in composite:
        if heatmaps is not None:
            msg = f"'{composite}' names a composite for heatmaps already"
            raise CompositeError(msg)
        composite, heatmaps = split_pair(composite)
    if heatmaps is None or heatmaps == composite:
        return [_resolve(composite, traced)]
    return [_resolve(composite, traced), _resolve(heatmaps, traced)]


def _resolve(
    composite: "str | Composite", traced: "fx.GraphModule"
) -> "tuple[Composite, str]":
    """Return a composite and the name under which results mention it."""
    from conceptlrp.lrp._zennit import Composite

    if isinstance(composite, Composite):
        return composite, f"zennit {type(composite).__name__}"
    check_composite(composite)
    return named_composite(composite, traced), composite


def check_composite(composite: object) -> None:
    """Refuse what is no composite, no preset, and no pair of presets."""
    from conceptlrp.lrp._zennit import Composite

    if isinstance(composite, str):
        for name in split_pair(composite):
            check_known("composite", name, COMPOSITES, CompositeError)
    elif composite is not None and not isinstance(composite, Composite):
        msg = (
            f"composite is a {type(composite).__name__}, expected a name or a zennit "
            "Composite object"
        )
        raise CompositeError(msg)


def module_rules(composite: "Composite", traced: "fx.GraphModule") -> "dict[str, Hook]":
    """Map the name of every module that gets a rule to the rule.

    The rules are the composite's own templates: read them, copy them before
    registering one.
    """
    context: dict[object, object] = {}
    rules = {}
    for name, module in traced.named_modules():
        rule = composite.module_map(context, name, module)
        if rule is not None:
            rules[name] = rule
    return rules
