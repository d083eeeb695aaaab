"""A whole corpus into a store: relevance of every channel at every position.

Sums over the board are kept for all positions, maps for the reference boards
of every channel. Memory grows with the size of a shard and the number of maps;
only ranking holds all positions, 64 channels at a time.
"""

import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from torch import nn
from zennit.core import Composite

from conceptlrp.errors import TargetError
from conceptlrp.lrp.explainer import Explainer
from conceptlrp.lrp.references import Arrays, reference_arrays
from conceptlrp.lrp.summary import concatenate_rows
from conceptlrp.lrp.targets import (
    Move,
    Played,
    Target,
    parse_target,
    take_rows,
    target_squares,
)
from conceptlrp.networks import network_digest
from conceptlrp.othello import Corpus
from conceptlrp.store import (
    Plan,
    Store,
    create_run,
    finish_run,
    open_store,
    run_lock,
    shards_of,
    write_shard,
)

_PACKAGES = ("conceptlrp", "h5py", "numpy", "torch", "zennit")


@dataclass(frozen=True)
class Progress:
    """How far a run is: `done` of `total` units of a stage.

    Attributes
    ----------
    stage : str
        "positions", then "reference heatmaps".
    done, total : int
        Units of the stage.
    """

    stage: str
    done: int
    total: int


OnProgress = Callable[[Progress], None]


@dataclass(frozen=True)
class _Run:
    """One corpus being explained, and how."""

    explainer: Explainer
    corpus: Corpus
    targets: tuple[Target, ...]
    batch_size: int
    shard_size: int
    report: OnProgress


def attribute_corpus(
    network: nn.Module,
    corpus: Corpus,
    path: str | os.PathLike[str],
    *,
    targets: Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    layers: Sequence[str] | None = None,
    dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = 64,
    references: int = 16,
    shard_size: int | None = None,
    overwrite: bool = False,
    name: str = "",
    command: str = "",
    on_progress: OnProgress | None = None,
) -> Store:
    """Explain every position of a corpus and keep the result on disk.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    corpus : Corpus
        N positions.
    path : path-like
        Folder of the store, by habit ``NAME.crp``.
    targets, composite, layers, dtype, device, batch_size
        As for `attribute`.
    references : int
        Reference boards whose conditional heatmaps are kept for every channel,
        target and kind of `REFERENCE_KINDS`; 0 keeps none.
    shard_size : int, optional
        Positions a file, a multiple of the batch size; by default whole batches
        that come to 4,096 positions. Memory grows with it and not with N.
    overwrite : bool
        Remove a store that stands at `path` first.
    name, command : str
        Name of the network and the command that was run, for the provenance.
    on_progress : callable, optional
        Called with a `Progress` after every batch.

    Returns
    -------
    Store
        The finished store, open for reading.

    Raises
    ------
    OutputExistsError
        When something stands at `path`.
    NetworkError, CompositeError, LayerError, TargetError
        As for `attribute`; nothing is left on disk then.
    ValueError
        When there are no positions, or a size or number makes no sense.
    """
    explainer = Explainer(
        network, composite=composite, layers=layers, dtype=dtype, device=device
    )
    parsed = tuple(parse_target(t, size=explainer.size) for t in targets)
    report = on_progress or _silent
    if shard_size is None:
        shard_size = max(4096 // max(batch_size, 1), 1) * batch_size
    run = _Run(explainer, corpus, parsed, batch_size, shard_size, report)
    _check(run, references)
    plan = Plan(
        network=_network_provenance(network, name),
        corpus=_corpus_provenance(corpus),
        composite={"name": explainer.composite_name, "rules": explainer.rules},
        targets=tuple(target.name for target in parsed),
        layers=explainer.shapes,
        references=references,
        compute={"dtype": dtype, "batch_size": batch_size},
        shard_size=shard_size,
        versions=_versions(),
        command=command,
    )
    with run_lock(path):
        create_run(path, plan, corpus, overwrite=overwrite)
        _write_shards(run, path)
        found = _references(run, path, references) if references else None
        return open_store(finish_run(path, references=found))


def _check(run: _Run, references: int) -> None:
    """Raise before anything is computed for what could not be finished."""
    if len(run.corpus) == 0:
        msg = "there are no positions to explain"
        raise ValueError(msg)
    if not run.targets:
        msg = "no target is given, expected one or more, such as 'played'"
        raise TargetError(msg)
    _check_at_least(1, "batch_size", run.batch_size)
    _check_at_least(1, "shard_size", run.shard_size)
    _check_at_least(0, "references", references)
    run.explainer.check(run.corpus)
    _check_moves(run)


def _check_at_least(least: int, name: str, number: int) -> None:
    if number < least:
        msg = f"{name} is {number}, expected {least} or more"
        raise ValueError(msg)


def _check_moves(run: _Run) -> None:
    """Refuse a move that is illegal in any position, whose row the error names."""
    no_logits = np.empty((0, 0))
    for target in run.targets:
        if isinstance(target, Move | Played):
            target_squares(target, run.corpus, no_logits)


def _silent(_progress: Progress) -> None:
    """Report nothing."""


def _write_shards(run: _Run, path: str | os.PathLike[str]) -> None:
    for spec in shards_of(path):
        parts = []
        for first in range(spec.start, spec.stop, run.batch_size):
            last = min(first + run.batch_size, spec.stop)
            targets = [take_rows(target, slice(first, last)) for target in run.targets]
            found = run.explainer.summarize(run.corpus[first:last], targets=targets)
            parts.append(found.arrays())
            run.report(Progress("positions", last, len(run.corpus)))
        write_shard(path, spec, concatenate_rows(parts))


def _references(run: _Run, path: str | os.PathLike[str], k: int) -> Arrays:
    return reference_arrays(
        run.explainer,
        open_store(path),
        run.targets,
        k=k,
        batch_size=run.batch_size,
        on_batch=lambda done, total: run.report(
            Progress("reference heatmaps", done, total)
        ),
    )


def _network_provenance(network: nn.Module, name: str) -> dict[str, Any]:
    parameters = sum(p.numel() for p in network.parameters())
    return {
        "name": name or type(network).__name__,
        "architecture": type(network).__name__,
        "parameters": parameters,
        "digest": network_digest(network),
    }


def _corpus_provenance(corpus: Corpus) -> dict[str, Any]:
    games = len(set(corpus.game.tolist()))
    return {"digest": corpus.digest, "positions": len(corpus), "games": games}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found
