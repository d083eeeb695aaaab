"""A whole corpus into a store: relevance of every channel at every position.

The store is in its place from the first second, its shards are written one
by one, and a run that ends for whatever reason is resumed from there. Memory
grows with the size of a shard and the number of reference maps, and with the
positions by the few bytes of each that say where it comes from.

A run may also be a job array: N jobs that know nothing of each other, then a merge.
Every job computes each N-th shard. The first to start makes the folder, the others
find it; none needs the lock, since a shard is written whole, and any job would write
the same.
"""

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from conceptlrp.errors import OutputExistsError, RunError, StoreError
from conceptlrp.lrp import Target
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.explainer import AnyBaseline
from conceptlrp.networks import network_digest
from conceptlrp.networks.checkpoint import AnyNetwork
from conceptlrp.othello import Corpus
from conceptlrp.othello.positions import Positions, given_corpus
from conceptlrp.progress import OnProgress
from conceptlrp.runs.executors import InProcess, Watch
from conceptlrp.runs.job import Job, composite_provenance, make_spec
from conceptlrp.runs.options import KeepOptions, RunOptions
from conceptlrp.runs.stages import (
    AskedBaseline,
    check_positions,
    choose_executor,
    complete_run,
    make_plan,
    same_sample,
    stoppable,
    what_is_kept,
)
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.format.manifest import is_store
from conceptlrp.store.format.plan import refuse_other
from conceptlrp.store.writing.finish import finish_run, has_references
from conceptlrp.store.writing.shard_writer import pending, shards_of
from conceptlrp.store.writing.writer import (
    append_run,
    create_run,
    read_plan,
    resume_run,
)


def attribute_corpus(
    network: AnyNetwork,
    corpus: Positions,
    path: str | os.PathLike[str],
    *,
    targets: str | Target | Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    heatmaps: str | Composite | None = None,
    baseline: AnyBaseline = None,
    layers: str | Sequence[str] | None = None,
    keep: KeepOptions | None = None,
    run: RunOptions | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Store:
    """Explain every position of a corpus and keep the result on disk.

    Whatever computes it, the numbers of the store are the same: one process or many,
    without a break or resumed, in shards of any size; in shards of one size, the bytes.

    Parameters
    ----------
    network : Module or path
        In evaluation mode.
    corpus : Corpus, Position, sequence of Position or array of shape (N, n, n)
        N positions; boards without games are games of their own.
    path : path-like
        Folder of the store, usually ``NAME.crp``.
    targets, composite, heatmaps
        As for `attribute`.
    baseline : str, Baseline, positions or None
        What relevance is measured from: "zero", "mean" for the mean map of 1,024
        positions of the corpus, a `Baseline`, or donors, a position for each one. A
        mean is taken once and kept in the store; resumed or with positions appended,
        the store goes on with it. By default it is the mean, but zero for fewer than
        100 positions and where rules or modules allow no other, and that of a store
        which is there already.
    layers : str or sequence of str, optional
        As for `attribute`.
    keep : KeepOptions, optional
        Which conditional heatmaps are kept; those of 16 reference boards of every
        channel by default.
    run : RunOptions, optional
        Where and by how many it is computed, and what happens to a store that is at
        `path` already.
    seed : int
        Seed by which positions are drawn, for ``KeepOptions(detail="sample")`` and
        for a mean baseline.
    on_progress : callable, optional
        Called with the stage ("positions", then "reference tables" and "reference
        heatmaps"), its units done and its units in all, after every batch, or every
        part where other processes compute; maybe from another thread.

    Returns
    -------
    Store
        The finished store, open for reading; an unfinished one for a stripe.

    Raises
    ------
    OutputExistsError, StoreError
        When there is something at `path` already: the latter for a store of another
        computation, naming what differs, or one that another run is writing to.
    RunError, RunInterrupted
        When a part could not be computed, or after Ctrl-C or SIGTERM; what was finished
        is kept.
    NetworkError, CompositeError, LayerError, TargetError
        As for `attribute`.
    """
    corpus = given_corpus(corpus)
    keep, run = keep or KeepOptions(), run or RunOptions()
    executor = choose_executor(run)
    spec, explainer = make_spec(
        path, network, (composite, heatmaps), layers, targets, run
    )
    check_positions(explainer, corpus, spec.targets)
    plan = make_plan(spec, explainer, corpus, keep, run, seed)
    timed = spec.targets if run.shard_size is None else ()
    asked = AskedBaseline(baseline, explainer, seed, timed)
    watch = Watch(on_progress)
    with stoppable(watch, lambda: what_is_kept(spec.path)):
        if run.stripe is not None:
            join_run(spec.path, plan, corpus, asked, watch)
            compute_stripe(Job(spec, explainer, corpus), run.stripe, watch)
            return open_store(path)
        with run_lock(spec.path):
            verify = _prepare(spec.path, plan, corpus, asked, run.mode)
            complete_run(Job(spec, explainer, corpus), executor, watch, verify=verify)
        watch.check()
    return open_store(path)


def _prepare(
    path: str, plan: Plan, corpus: Corpus, asked: AskedBaseline, mode: str
) -> bool:
    """Make the folder ready; return whether parts that are there may be damaged."""
    overwrite = mode == "overwrite"
    if not is_store(Path(path)) or overwrite:
        plan, baseline = asked.begun(plan, corpus)
        plan = asked.cut(plan, corpus, baseline)
        create_run(path, plan, corpus, baseline=baseline, overwrite=overwrite)
        return False
    if mode == "create":
        msg = (
            f"{path}: already exists; choose another name, or ask to resume, append "
            "or overwrite"
        )
        raise OutputExistsError(msg)
    stored = read_plan(path)
    same = stored.corpus["digest"] == plan.corpus["digest"]
    append = mode == "append" and not same
    plan = same_sample(plan, stored)
    plan, baseline = asked.again(path, plan, corpus, append=append)
    if append:
        plan = asked.cut(plan, corpus, baseline)
    go_on = append_run if append else resume_run
    go_on(path, plan, corpus, baseline)
    return True


_PATIENCE = 60.0


def compute_stripe(job: Job, stripe: tuple[int, int], watch: Watch) -> None:
    """Compute every N-th shard that is missing, from the I-th on."""
    number, count = stripe
    mine = shards_of(job.path)[number - 1 :: count]
    missing = set(pending(job.path))
    specs = [spec for spec in mine if spec in missing]
    total = sum(len(spec) for spec in mine)
    watch.begin("positions", total, done=total - sum(len(spec) for spec in specs))
    for _ in InProcess().run(job, specs, watch):
        watch.check()


def join_run(
    path: str, plan: Plan, corpus: Corpus, asked: AskedBaseline, watch: Watch
) -> None:
    """Find the folder of a run, or make it if no other job has."""
    deadline = time.monotonic() + _PATIENCE
    while not is_store(Path(path)):
        try:
            with run_lock(path):
                if not is_store(Path(path)):
                    begun, baseline = asked.begun(plan, corpus)
                    begun = asked.cut(begun, corpus, baseline)
                    create_run(path, begun, corpus, baseline=baseline)
        except StoreError:
            # Another job of the array is making it.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        watch.check()
    stored = read_plan(path)
    plan, _ = asked.again(path, same_sample(plan, stored), corpus)
    refuse_other(path, stored, plan)


def merge_run(
    path: str | os.PathLike[str],
    network: AnyNetwork | None = None,
    *,
    composite: str | Composite | None = None,
    heatmaps: str | Composite | None = None,
    targets: Sequence[str | Target] | None = None,
    run: RunOptions | None = None,
    on_progress: OnProgress | None = None,
) -> Store:
    """Finish a run whose shards the jobs of an array have computed.

    Parameters
    ----------
    path : path-like
        Folder of the run, which no other run is writing to.
    network : Module or path, optional
        What it is about, for the heatmaps of reference boards; a run that keeps
        none does without.
    composite, heatmaps, targets
        Where the run was not made by names alone.
    run : RunOptions, optional
        Device, and workers or scheduler, for the heatmaps; the rest is in the
        run's plan.
    on_progress : callable, optional
        As for `attribute_corpus`.

    Returns
    -------
    Store
        The finished store, open for reading. Where shards are missing, or the network
        is missing or another one, `RunError` is raised; for a folder that is no store,
        `StoreError`.
    """
    place = str(Path(path).absolute())
    watch = Watch(on_progress)
    with stoppable(watch, lambda: what_is_kept(place)):
        plan = read_plan(place)
        with run_lock(place):
            _check_whole(place)
            if not has_references(place):
                run = replace(
                    run or RunOptions(),
                    compute_dtype=plan.compute["dtype"],
                    allow_gradient=bool(plan.gradients),
                )
                composites = (composite or plan.composite["name"], heatmaps)
                job = _job(place, plan, network, composites, targets, run)
                complete_run(job, choose_executor(run), watch, verify=False)
            else:
                finish_run(place)
        watch.check()
    return open_store(path)


def _check_whole(path: str) -> None:
    missing, shards = pending(path), shards_of(path)
    if missing:
        numbers = ", ".join(str(spec.index) for spec in missing[:8])
        more = ", ..." if len(missing) > 8 else ""
        msg = (
            f"{path}: {len(missing)} of {len(shards)} shards are still to be computed "
            f"({numbers}{more}); run their jobs again"
        )
        raise RunError(msg)


def _job(
    path: str,
    plan: Plan,
    network: AnyNetwork | None,
    composites: tuple[str | Composite, str | Composite | None],
    targets: Sequence[str | Target] | None,
    run: RunOptions,
) -> Job:
    """Make ready what the reference heatmaps need, if it is what the shards had."""
    if network is None:
        msg = f"{path}: reference heatmaps are missing; pass the network (--network)"
        raise RunError(msg)
    job_spec, explainer = make_spec(
        path, network, composites, list(plan.layers), targets or plan.targets, run
    )
    found = {
        "network": {"digest": network_digest(job_spec.network)},
        "composite": composite_provenance(explainer),
    }
    stored = {"network": plan.network, "composite": plan.composite}
    for what, made in stored.items():
        if _digests(found[what]) != _digests(made):
            msg = f"{path}: the shards were computed with another {what}"
            raise RunError(msg)
    return Job(job_spec, explainer)


def _digests(made: dict[str, Any]) -> tuple[str, str | None]:
    return made["digest"], made.get("heatmaps", {}).get("digest")
