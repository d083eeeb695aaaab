"""Where no relevance arrives: which outputs are dead units whenever not positive.

A ReLU hides every output that is not positive. If all that reads the ReLU multiplies
by what it reads, a dead unit has no relevance, nor has the output behind it, and the
terms that a rule has for negative outputs carry exact zeros: they need not be
computed. Both properties are found by data flow, from the outputs down:

- *proportional*: relevance is zero wherever the value is;
- *gated*: relevance is zero wherever the value is not positive.

Both are about relevance that flows down. Where it starts, it may be at any unit:
the operations of `exposed` then need all of their terms.
"""

from collections.abc import Collection, Mapping

import torch
from torch import Tensor, nn

from conceptlrp.lrp._zennit import Activation, Pass
from conceptlrp.lrp.engine.elementwise import Affine
from conceptlrp.lrp.engine.linearize import LinearRule
from conceptlrp.lrp.engine.program import Operation, Program

_UNCHANGED = ("flatten", "cat", "choice")


def find_gated(
    program: Program,
    rules: Mapping[str, LinearRule],
    nonnegative: Mapping[str, bool],
    hidden: Mapping[str, tuple[bool, bool]],
    *,
    plain_sums: bool,
) -> frozenset[str]:
    """Return the operations whose outputs have no relevance unless positive."""
    readers = program.readers()
    proportional: dict[str, bool] = {}
    gated: dict[str, bool] = {}
    for name in reversed(program.operations):
        shares = [
            _sent(reader, proportional, gated, rules, hidden, plain_sums=plain_sums)
            for reader in readers[name]
        ]
        proportional[name] = all(share[0] for share in shares)
        gated[name] = all(
            closed or (nonnegative[name] and keeps) for keeps, closed in shares
        )
        # Relevance starts at outputs of either sign.
        if name in program.outputs and not nonnegative[name]:
            gated[name] = False
    return frozenset(name for name, closed in gated.items() if closed)


def _sent(
    reader: Operation,
    proportional: Mapping[str, bool],
    gated: Mapping[str, bool],
    rules: Mapping[str, LinearRule],
    hidden: Mapping[str, tuple[bool, bool]],
    *,
    plain_sums: bool,
) -> tuple[bool, bool]:
    """Whether what a reader sends is proportional and gated at what it reads."""
    above = proportional[reader.name], gated[reader.name]
    if reader.kind in _UNCHANGED:
        return above
    if reader.kind in ("add", "affine", "centre"):
        return not plain_sums, False
    if reader.kind in ("conv", "pool"):
        return rules[reader.name].is_proportional, False
    if reader.kind == "gate" or isinstance(reader.module, Affine):
        # Their output may be positive where what is read is not.
        return above[0], False
    if not isinstance(reader.module, Activation):
        return above
    if not isinstance(reader.rule, Pass):
        # The derivative of a ReLU is zero where it is closed, that of others is not.
        closed = isinstance(reader.module, nn.ReLU)
        return closed, closed
    at_zero, below_zero = hidden[reader.name]
    return above[0] and at_zero, above[0] and below_zero


def hides(activation: nn.Module, features: Tensor) -> tuple[bool, bool]:
    """Whether an activation is zero at zero, and wherever it reads no positive value.

    It is found by trying values in the shape of feature maps.
    """
    zeros = torch.zeros_like(features)
    at_zero = not bool(activation(zeros.clone()).any())
    sizes = torch.linspace(-20.0, 20.0, features.numel()).to(features)
    below = -(10.0 ** sizes.view_as(features))
    return at_zero, at_zero and not bool(activation(below).any())


def producers(program: Program, names: Collection[str]) -> frozenset[str]:
    """Return the convolutions and poolings whose outputs become the named values.

    Nothing but activations and operations that keep values lies between.
    """
    found, pending = set(), list(names)
    while pending:
        operation = program.operations[pending.pop()]
        if operation.kind in ("conv", "pool"):
            found.add(operation.name)
        elif operation.kind in ("pass", "affine", "gate", *_UNCHANGED):
            pending.extend(operation.inputs)
    return frozenset(found)
