"""A whole corpus into a store: relevance of every channel at every position.

The store is in its place from the first second, its shards are written one
by one, and a run that ends for whatever reason is resumed from there. Memory
grows with the size of a shard and the number of reference maps, and with the
positions by the few bytes of each that say where it comes from.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from conceptlrp.errors import OutputExistsError, check_type
from conceptlrp.lrp import Target
from conceptlrp.lrp._zennit import Composite
from conceptlrp.lrp.inputs import AnyNetwork
from conceptlrp.othello import Corpus
from conceptlrp.runs.executors import Watch
from conceptlrp.runs.job import Job, make_spec
from conceptlrp.runs.options import KeepOptions, RunOptions
from conceptlrp.runs.stages import (
    check_positions,
    choose_executor,
    complete_run,
    make_plan,
    same_sample,
    stoppable,
)
from conceptlrp.runs.stripes import compute_stripe
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.format.lock import run_lock
from conceptlrp.store.format.manifest import is_store
from conceptlrp.store.writing.writer import (
    append_run,
    create_run,
    read_plan,
    resume_run,
)

if TYPE_CHECKING:
    from conceptlrp.progress import OnProgress


def attribute_corpus(
    network: AnyNetwork,
    corpus: Corpus,
    path: str | os.PathLike[str],
    *,
    targets: str | Target | Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    layers: str | Sequence[str] | None = None,
    keep: KeepOptions | None = None,
    run: RunOptions | None = None,
    seed: int = 0,
    on_progress: "OnProgress | None" = None,
) -> Store:
    """Explain every position of a corpus and keep the result on disk.

    Whatever computes it, the bytes of the store are the same: one process or many,
    without a break or resumed, in shards of any size.

    Parameters
    ----------
    network : Module or path
        In evaluation mode.
    corpus : Corpus
        N positions.
    path : path-like
        Folder of the store, usually ``NAME.crp``.
    targets, composite, layers
        As for `attribute`.
    keep : KeepOptions, optional
        Which conditional heatmaps are kept; those of 16 reference boards of every
        channel by default.
    run : RunOptions, optional
        Where and by how many it is computed, and what happens to a store that is at
        `path` already.
    seed : int
        Seed by which positions are drawn for ``KeepOptions(detail="sample")``.
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
    OutputExistsError
        When there is something at `path` already.
    StoreError
        When the store there is of another computation, naming what differs, or
        another run is writing to it, or it cannot be written.
    RunError
        When a part could not be computed; everything else is kept.
    RunInterrupted
        After Ctrl-C or SIGTERM, with what was finished kept.
    NetworkError, CompositeError, LayerError, TargetError
        As for `attribute`.
    ValueError
        When there are no positions, or a size or number is out of range.
    """
    expected = "a Corpus; read game files with Corpus.read"
    check_type(corpus, Corpus, "corpus", expected)
    keep, run = keep or KeepOptions(), run or RunOptions()
    executor = choose_executor(run)
    spec, explainer = make_spec(path, network, composite, layers, targets, run)
    check_positions(explainer, corpus, spec.targets)
    plan = make_plan(spec, explainer, corpus, keep, run, seed)
    watch = Watch(on_progress)
    with stoppable(spec.path, watch):
        if run.stripe is not None:
            compute_stripe(spec, explainer, plan, corpus, run.stripe, watch)
            return open_store(path)
        with run_lock(spec.path):
            verify = _prepare(spec.path, plan, corpus, run.mode)
            complete_run(Job(spec, explainer, corpus), executor, watch, verify=verify)
        watch.check()
    return open_store(path)


def _prepare(path: str, plan: Plan, corpus: Corpus, mode: str) -> bool:
    """Make the folder ready; return whether parts that are there may be damaged."""
    overwrite = mode == "overwrite"
    if not is_store(Path(path)) or overwrite:
        create_run(path, plan, corpus, overwrite=overwrite)
        return False
    if mode == "create":
        msg = (
            f"{path}: already exists; choose another name, or ask to resume, append "
            "or overwrite"
        )
        raise OutputExistsError(msg)
    stored = read_plan(path)
    same = stored.corpus["digest"] == plan.corpus["digest"]
    plan = same_sample(plan, stored)
    if mode == "append" and not same:
        append_run(path, plan, corpus)
    else:
        resume_run(path, plan, corpus)
    return True
