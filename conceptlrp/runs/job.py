"""What a process needs to compute parts of a run, and what tells two runs apart.

A `JobSpec` can be sent to another process. A `Job` is made of it once a process:
the explainer, the plan and the positions of the run's folder. What it computes
depends on the plan and the rows alone, so any process may compute any part.

The baseline is not sent: every process reads that of the run's folder, so all have the
same to the last bit. A preset is known by its name, but a composite that a user builds
is an object of functions. Two of them are alike when the rules of all modules are:
classes, numbers and functions by name, constants and whatever they close over.
"""

import hashlib
import os
import pickle
import platform
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import FunctionType
from typing import Any

import cloudpickle
import torch

from conceptlrp import __version__
from conceptlrp.errors import RunError
from conceptlrp.lrp import Explainer, Target
from conceptlrp.lrp._zennit import Composite, Hook
from conceptlrp.lrp.composites import module_rules
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.lrp.targets import parse_targets
from conceptlrp.networks import BoardNetwork, network_digest
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.othello import Corpus
from conceptlrp.runs.options import RunOptions
from conceptlrp.store import Plan
from conceptlrp.store.baseline import Baseline
from conceptlrp.store.format.manifest import ShardSpec, read_manifest
from conceptlrp.store.writing.writer import load_baseline, read_corpus, read_plan

_PACKAGES = ("h5py", "numpy", "torch", "zennit")
_PLAIN = (bool, int, float, complex, str, bytes, type(None))
# What a rule remembers of the module that it is registered with.
_PASSING = {"stored_tensors", "active", "tensor_handles"}


def package_versions() -> dict[str, str]:
    """Return the version of Python and of every package that computes."""
    found = {"python": platform.python_version(), "conceptlrp": __version__}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def network_provenance(network: BoardNetwork, name: str) -> dict[str, Any]:
    """Return name, kind, size and digest of a network, and where it was loaded from."""
    parameters = sum(p.numel() for p in network.parameters())
    kind = type(network).__name__
    return {
        **network.origin,
        "name": name or network.origin.get("name", kind),
        "architecture": kind,
        "parameters": parameters,
        "digest": network_digest(network),
        "planes": network.encoding.name,
        "value": network.value_kind,
        **({"notes": list(network.notes)} if network.notes else {}),
    }


def corpus_provenance(corpus: Corpus) -> dict[str, Any]:
    """Return digest and size of a corpus."""
    games = len(corpus.compact().games)
    return {"digest": corpus.digest, "positions": len(corpus), "games": games}


def composite_provenance(explainer: Explainer) -> dict[str, Any]:
    """Return name, rules and fingerprint of an explainer's composite, or of both."""
    found, *heatmaps = (_rules(each, explainer) for each, _ in explainer.composites)
    made = {"name": "+".join(name for _, name in explainer.composites), **found}
    if explainer.gradients:
        made["gradients"] = list(explainer.gradients)
    return {**made, "heatmaps": heatmaps[0]} if heatmaps else made


def _rules(composite: Composite, explainer: Explainer) -> dict[str, Any]:
    rules = module_rules(composite, explainer.network)
    names = {name: type(rule).__name__ for name, rule in rules.items()}
    return {"rules": names, "digest": rules_digest(rules)}


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


def pack(thing: Any, name: str) -> bytes:
    """Return a thing as bytes that `unpack` makes ready in another process."""
    try:
        # Composites hold functions, which the standard pickle refuses.
        packed: bytes = cloudpickle.dumps(thing)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        msg = (
            f"the {name} cannot be sent to another process ({error}); compute in this "
            "one, or leave out what cannot be pickled"
        )
        raise RunError(msg) from error
    return packed


def unpack(packed: bytes) -> "Work":
    """Make a job or a task ready to compute in this process."""
    found: JobSpec | Task = cloudpickle.loads(packed)
    return Job(found) if isinstance(found, JobSpec) else found


@dataclass(frozen=True)
class JobSpec:
    """How the positions of a folder are explained; the fields are those of `Explainer`.

    The path is absolute, since processes differ in where they are.
    """

    path: str
    network: BoardNetwork
    composite: str | Composite | None
    heatmaps: str | Composite | None
    layers: str | Sequence[str] | None
    targets: tuple[Target, ...]
    dtype: str
    device: str
    allow_gradient: bool = False

    def pack(self) -> bytes:
        """Return the specification as bytes that another process can unpack."""
        for name in ("network", "composite", "heatmaps", "targets"):
            pack(getattr(self, name), name)
        return pack(self, "run")

    def explainer(self) -> Explainer:
        """Make the network ready to be explained."""
        return Explainer(
            self.network,
            composite=self.composite,
            heatmaps=self.heatmaps,
            layers=self.layers,
            dtype=self.dtype,
            device=self.device,
            allow_gradient=self.allow_gradient,
        )


class Job:
    """A run's explainer, plan and positions, made ready once a process."""

    def __init__(
        self,
        spec: JobSpec,
        explainer: Explainer | None = None,
        corpus: Corpus | None = None,
    ) -> None:
        self.spec = spec
        self.path = Path(spec.path)
        if not self.path.is_dir():
            msg = (
                f"{self.path}: no such folder where the work is done; all processes "
                "of a run must see one file system"
            )
            raise RunError(msg)
        self.plan: Plan = read_plan(self.path)
        _check_versions(self.plan)
        self.explainer = explainer or _quiet_explainer(spec)
        self._corpus = corpus

    @cached_property
    def corpus(self) -> Corpus:
        """All positions of the run."""
        return read_corpus(self.path) if self._corpus is None else self._corpus

    @cached_property
    def baseline(self) -> Baseline:
        """What relevance is above, row by row."""
        return load_baseline(self.path, read_manifest(self.path))

    @cached_property
    def has_value(self) -> bool:
        """Whether the network has a value head, which takes a forward pass to know."""
        return self.explainer.has_value

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers, in execution order."""
        return tuple(self.plan.layers)

    @property
    def batch_size(self) -> int:
        """Positions of a batch."""
        return int(self.plan.compute["batch_size"])

    @property
    def threads(self) -> int:
        """Threads of torch, the same everywhere."""
        return int(self.plan.compute["threads"])

    @property
    def may_be_copied(self) -> bool:
        """Whether several threads may compute at once, each with a copy.

        Hooks are registered with the composite that all copies share, and a GPU
        does not get faster by it.
        """
        native = isinstance(self.explainer.propagation, NativePropagation)
        return native and self.explainer.device.type == "cpu"

    def pack(self) -> bytes:
        """Return what another process makes the same job of."""
        return self.spec.pack()

    def copy(self) -> "Job":
        """Return a job for another thread, which shares the positions."""
        return Job(self.spec, _quiet_explainer(self.spec), self.corpus)


class TaskPart(ShardSpec):
    """Units of a task, from `start` to before `stop`; it has no file."""


@dataclass(frozen=True)
class Task:
    """A function of a part and of what counts its units, which writes nothing."""

    function: Callable[[TaskPart, Callable[[int], None]], Any]
    threads: int

    def pack(self) -> bytes:
        """Return what another process makes the same task of."""
        return pack(self, "computation")


Work = Job | Task


def make_spec(
    path: str | os.PathLike[str],
    network: AnyNetwork,
    composites: tuple[str | Composite | None, str | Composite | None],
    layers: str | Sequence[str] | None,
    targets: str | Target | Sequence[str | Target],
    run: RunOptions,
) -> tuple[JobSpec, Explainer]:
    """Return what a job is made of, and the explainer that it makes.

    `composites` are that of channels, and that of heatmaps, if it is another.
    """
    network = checked_network(network)
    place = str(Path(path).absolute())
    asked = JobSpec(
        *(place, network, *composites, layers, ()),
        dtype=run.compute_dtype,
        device=run.device,
        allow_gradient=run.allow_gradient,
    )
    explainer = asked.explainer()
    parsed = tuple(parse_targets(targets, explainer.size))
    return replace(asked, layers=explainer.layers, targets=parsed), explainer


def _quiet_explainer(spec: JobSpec) -> Explainer:
    """Make an explainer without the warnings that the first one gave."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return spec.explainer()


def _check_versions(plan: Plan) -> None:
    here = package_versions()
    for package in ("conceptlrp", "torch"):
        expected = plan.versions.get(package)
        if expected != here[package]:
            msg = (
                f"{package} {here[package]} is installed here, the run began with "
                f"{expected}; use the same everywhere"
            )
            raise RunError(msg)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Set the number of torch's threads meanwhile, in all of this process."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
