"""What a run is computed with, in words and digests that tell two runs apart.

A preset is known by its name, but a composite that a user builds is an object of
functions. Two of them are alike when the rules of all modules are: classes,
numbers and functions by name, constants and whatever they close over.
"""

import hashlib
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from types import FunctionType
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from conceptlrp.lrp import Explainer
from conceptlrp.lrp._zennit import Hook
from conceptlrp.lrp.composites import module_rules
from conceptlrp.networks import network_digest

if TYPE_CHECKING:
    from conceptlrp.othello import Corpus

_PACKAGES = ("conceptlrp", "h5py", "numpy", "torch", "zennit")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# What a rule remembers of the module that it is registered with.
_PASSING = {"stored_tensors", "active", "tensor_handles"}


def package_versions() -> dict[str, str]:
    """Return the version of Python and of every package that computes."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def network_provenance(network: nn.Module, name: str) -> dict[str, Any]:
    """Return name, kind, size and digest of a network."""
    parameters = sum(p.numel() for p in network.parameters())
    return {
        "name": name or type(network).__name__,
        "architecture": type(network).__name__,
        "parameters": parameters,
        "digest": network_digest(network),
    }


def corpus_provenance(corpus: "Corpus") -> dict[str, Any]:
    """Return digest and size of a corpus."""
    games = len(set(corpus.game.tolist()))
    return {"digest": corpus.digest, "positions": len(corpus), "games": games}


def composite_provenance(explainer: Explainer) -> dict[str, Any]:
    """Return name, rules and fingerprint of an explainer's composite."""
    rules = module_rules(explainer.composite, explainer.network)
    return {
        "name": explainer.composite_name,
        "rules": explainer.rules,
        "digest": rules_digest(rules),
    }


def rules_digest(rules: Mapping[str, Hook]) -> str:
    """Return the SHA-256 of what the rules of all modules are made of."""
    digest = hashlib.sha256()
    for name, rule in sorted(rules.items()):
        digest.update("\n".join([name, *_parts(rule, ())]).encode())
    return digest.hexdigest()


def _parts(thing: Any, above: tuple[int, ...]) -> Iterator[str]:
    """Spell out an object, without going around in circles."""
    if isinstance(thing, _PLAIN):
        yield repr(thing)
        return
    if id(thing) in above or len(above) > 12:
        return
    above = (*above, id(thing))
    if isinstance(thing, torch.Tensor):
        yield hashlib.sha256(thing.detach().cpu().numpy().tobytes()).hexdigest()
    elif isinstance(thing, FunctionType):
        yield from _function_parts(thing, above)
    elif isinstance(thing, Mapping):
        for key, value in thing.items():
            yield from (*_parts(key, above), *_parts(value, above))
    elif isinstance(thing, list | tuple | set | frozenset):
        for value in thing:
            yield from _parts(value, above)
    else:
        yield f"{type(thing).__module__}.{type(thing).__qualname__}"
        known = {k: v for k, v in _attributes(thing) if k not in _PASSING}
        yield from _parts(known, above)


def _attributes(thing: Any) -> list[tuple[str, Any]]:
    # A class stands for itself; its attributes are the program's, not the user's.
    if isinstance(thing, type):
        return [("class", f"{thing.__module__}.{thing.__qualname__}")]
    return sorted(getattr(thing, "__dict__", {}).items())


def _function_parts(function: FunctionType, above: tuple[int, ...]) -> Iterator[str]:
    yield f"{function.__module__}.{function.__qualname__}"
    code = function.__code__
    yield from (repr(c) for c in code.co_consts if isinstance(c, _PLAIN))
    yield " ".join(code.co_names)
    yield from _parts(function.__defaults__, above)
    for cell in function.__closure__ or ():
        yield from _parts(cell.cell_contents, above)
