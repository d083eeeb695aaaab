"""What a process needs to compute parts of a run, and what it makes of it.

A `JobSpec` can be sent to another process. A `Job` is made of it once a process:
the explainer, the plan and the positions of the run's folder. What it computes
depends on the plan and the rows alone, so any process may compute any part.
"""

import os
import pickle
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import cloudpickle
import torch
from torch import nn

from conceptlrp.errors import RunError
from conceptlrp.lrp import Explainer, Target
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.engine.propagation import NativePropagation
from conceptlrp.lrp.inputs import AnyNetwork, checked_network
from conceptlrp.lrp.targets import parse_targets
from conceptlrp.othello import Corpus
from conceptlrp.runs.fingerprint import package_versions
from conceptlrp.runs.options import RunOptions
from conceptlrp.store import Plan
from conceptlrp.store.writing.writer import read_corpus, read_plan


@dataclass(frozen=True)
class JobSpec:
    """How the positions of a folder are explained; the fields are those of `Explainer`.

    The path is absolute, since processes differ in where they are.
    """

    path: str
    network: nn.Module
    composite: str | Composite | None
    layers: str | Sequence[str] | None
    targets: tuple[Target, ...]
    dtype: str
    device: str

    def pack(self) -> bytes:
        """Return the specification as bytes that another process can unpack."""
        for name in ("network", "composite", "targets"):
            try:
                # Composites hold functions, which the standard pickle refuses.
                cloudpickle.dumps(getattr(self, name))
            except (pickle.PicklingError, TypeError, AttributeError, ValueError) as e:
                msg = (
                    f"the {name} cannot be sent to another process ({e}); explain in "
                    "this one, or leave out what cannot be pickled"
                )
                raise RunError(msg) from e
        packed: bytes = cloudpickle.dumps(self)
        return packed

    @staticmethod
    def unpack(packed: bytes) -> "JobSpec":
        """Return what `pack` made bytes of."""
        spec: JobSpec = cloudpickle.loads(packed)
        return spec

    def explainer(self) -> Explainer:
        """Make the network ready to be explained."""
        return Explainer(
            self.network,
            composite=self.composite,
            layers=self.layers,
            dtype=self.dtype,
            device=self.device,
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
    def has_value(self) -> bool:
        """Whether the network has a value head."""
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

    def copy(self) -> "Job":
        """Return a job for another thread, which shares the positions."""
        return Job(self.spec, _quiet_explainer(self.spec), self.corpus)


def make_spec(
    path: str | os.PathLike[str],
    network: AnyNetwork,
    composite: str | Composite | None,
    layers: str | Sequence[str] | None,
    targets: str | Target | Sequence[str | Target],
    run: RunOptions,
) -> tuple[JobSpec, Explainer]:
    """Return what a job is made of, and the explainer that it makes."""
    network = checked_network(network)
    place = str(Path(path).absolute())
    asked = JobSpec(
        place, network, composite, layers, (), run.compute_dtype, run.device
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
