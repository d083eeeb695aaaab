"""Networks of one's own code, named as "package.module:function".

The function takes no arguments and returns a module, or what `adapt` made of one; a
class will do. It is imported and called because it was named: no file and no store
makes that happen. Weights come from a file of tensors, which runs no code.
"""

import inspect
import re
import warnings
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from textwrap import shorten
from typing import Any

from safetensors.torch import load_file
from torch import Tensor, nn

from conceptlrp.errors import CheckpointError, NetworkError
from conceptlrp.networks.adapting import AdaptedNetwork, adapt, unwrap
from conceptlrp.networks.architectures import BoardNetwork
from conceptlrp.networks.weights import (
    check_given,
    is_pickle,
    plain_names,
    read_tensors,
)

_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_reference(text: object) -> bool:
    """Whether text names a function rather than a file."""
    return (
        isinstance(text, str)
        and _REFERENCE.fullmatch(text) is not None
        and not Path(text).exists()
    )


def network_from_code(reference: str, weights: Path | None = None) -> BoardNetwork:
    """Call the function that a reference names, and give its network weights."""
    made = _call(reference)
    if weights is not None:
        made = _with_weights(made, _read(weights), weights)
    return made.eval() if isinstance(made, BoardNetwork) else adapt(made)


def _call(reference: str) -> Any:
    place, _, name = reference.partition(":")
    try:
        function = getattr(import_module(place), name)
    except (ImportError, AttributeError) as error:
        msg = (
            f"{reference}: cannot be imported ({error}); name a function as "
            "package.module:function, from where Python finds the package"
        )
        raise CheckpointError(msg) from error
    expected = "expected a function that returns a torch module"
    if not callable(function):
        kind = type(function).__name__
        article = "an" if kind[0] in "aeiou" else "a"
        msg = f"{reference}: is {article} {kind}, {expected}"
        raise CheckpointError(msg)
    try:
        inspect.signature(function).bind()
        made = function()
    except (ValueError, TypeError, RuntimeError, OSError) as error:
        if isinstance(error, NetworkError):
            raise
        reason = str(error).partition("\n")[0]
        msg = (
            f"{reference}: fails when it is called without arguments ({reason}); "
            f"{expected}"
        )
        raise CheckpointError(msg) from error
    try:
        unwrap(made)
    except TypeError as error:
        msg = (
            f"{reference}: returns {type(made).__name__}, expected a torch module or "
            "what conceptlrp.adapt makes of one"
        )
        raise CheckpointError(msg) from error
    return made


def _read(file: Path) -> Mapping[str, Tensor]:
    check_given(file)
    if is_pickle(file):
        return read_tensors(file)
    try:
        return plain_names(load_file(file))
    # safetensors has an error of its own for every way of being damaged.
    except Exception as error:
        msg = f"{file}: neither safetensors nor written by torch.save ({error})"
        raise CheckpointError(msg) from error


def _with_weights(made: Any, state: Mapping[str, Tensor], file: Path) -> Any:
    """Load weights into a module, under what `adapt` made of it, if it did."""
    if not isinstance(made, AdaptedNetwork):
        _load(unwrap(made), state, file)
        return made
    module, options = made.source
    _load(module, state, file)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return adapt(module, **options)


def _load(module: nn.Module, state: Mapping[str, Tensor], file: Path) -> None:
    try:
        module.load_state_dict(state)
    except RuntimeError as error:
        # torch lists every tensor that does not fit, a line each.
        reason = shorten(str(error).partition("\n")[2], 200, placeholder=" ...")
        msg = f"{file}: not the weights of {type(module).__name__}: {reason}"
        raise CheckpointError(msg) from error
