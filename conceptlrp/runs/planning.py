"""The plan of a run: all that its numbers depend on, checked before any is made."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from conceptlrp.lrp import Explainer, Move, Moves, Played, Target
from conceptlrp.othello import Corpus
from conceptlrp.runs.fingerprint import (
    composite_provenance,
    corpus_provenance,
    network_provenance,
    package_versions,
)
from conceptlrp.runs.job import JobSpec
from conceptlrp.runs.options import KeepOptions, RunOptions
from conceptlrp.store import Plan

#: Torch threads of everyone who computes: sums of floats may depend on it.
THREADS = 1
_MOST_ROWS = 4096
_SHARD_BYTES = 1 << 27


def check_positions(
    explainer: Explainer, corpus: Corpus, targets: Sequence[Target]
) -> None:
    """Raise before anything is computed for positions that cannot be explained."""
    explainer.corpus(corpus)
    no_logits = np.empty((0, 0))
    for target in targets:
        if isinstance(target, Move | Moves | Played):
            target.squares_at(corpus, no_logits)


def make_plan(
    spec: JobSpec,
    explainer: Explainer,
    corpus: Corpus,
    keep: KeepOptions,
    run: RunOptions,
    seed: int,
) -> Plan:
    """Write down what a run computes."""
    plan = Plan(
        network=network_provenance(spec.network, run.name),
        corpus=corpus_provenance(corpus),
        composite=composite_provenance(explainer),
        targets=tuple(target.name for target in spec.targets),
        layers=explainer.shapes,
        compute={
            "dtype": spec.dtype,
            "batch_size": run.batch_size,
            "threads": THREADS,
            **_moves(spec.targets),
        },
        shard_size=run.shard_size or run.batch_size,
        versions=package_versions(),
        command=run.command,
        **keep.plan_fields(len(corpus), seed),
    )
    if run.shard_size is None:
        return replace(plan, shard_size=_fitting_size(plan, explainer.size))
    return plan


def same_sample(plan: Plan, stored: Plan) -> Plan:
    """Return a plan whose sample is drawn as a store began to draw it."""
    now, then = plan.sample, stored.sample
    if not now or not then:
        return plan
    return replace(plan, sample={**now, "of": then["of"]})


def _fitting_size(plan: Plan, size: int) -> int:
    """Return whole batches that take about 128 MiB, and 4,096 positions at most."""
    channels = sum(shape["channels"] for shape in plan.layers.values())
    maps = size * size if plan.detail == "all" else 0
    numbers = len(plan.targets) * channels * (1 + maps) + 3 * channels
    batch_size = plan.compute["batch_size"]
    rows = min(_MOST_ROWS, _SHARD_BYTES // (4 * numbers))
    return int(max(1, rows // batch_size) * batch_size)


def _moves(targets: Sequence[Target]) -> dict[str, Any]:
    """Tell lists of moves apart, which their names do not."""
    moves = {
        target.name: _hash(target.squares)
        for target in targets
        if isinstance(target, Moves)
    }
    return {"moves": moves} if moves else {}


def _hash(squares: tuple[int, ...]) -> str:
    return hashlib.sha256(np.array(squares, np.int8).tobytes()).hexdigest()
