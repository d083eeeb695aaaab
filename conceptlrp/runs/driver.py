"""A whole corpus into a store: relevance of every channel at every position.

The store stands in its place from the first second, its shards are written one
by one, and a run that ends for whatever reason is resumed from there. Memory
grows with the size of a shard and the number of reference maps, and with the
positions by the few bytes of each that say where it comes from.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import nn

from conceptlrp.errors import OutputExistsError
from conceptlrp.lrp import Target
from conceptlrp.lrp._zennit import Composite
from conceptlrp.othello import Corpus
from conceptlrp.runs.choice import choose_executor
from conceptlrp.runs.job import Job, make_recipe
from conceptlrp.runs.planning import Detail, check_positions, make_plan, same_sample
from conceptlrp.runs.stages import complete_run, stoppable
from conceptlrp.runs.stripes import compute_stripe
from conceptlrp.runs.watch import OnProgress, Watch
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.lock import run_lock
from conceptlrp.store.manifest import is_store
from conceptlrp.store.writer import append_run, create_run, read_plan, resume_run

if TYPE_CHECKING:
    from distributed import Client


def attribute_corpus(
    network: nn.Module,
    corpus: Corpus,
    path: str | os.PathLike[str],
    *,
    targets: Sequence[str | Target] = ("played",),
    composite: str | Composite | None = None,
    layers: Sequence[str] | None = None,
    detail: str = "references",
    references: int = 16,
    sample: int = 0,
    seed: int = 0,
    statistics: bool = False,
    dtype: str = "float32",
    compute_dtype: str = "float32",
    device: str = "cpu",
    batch_size: int = 64,
    shard_size: int | None = None,
    overwrite: bool = False,
    resume: bool = False,
    append: bool = False,
    workers: int | None = None,
    scheduler: "str | Client | None" = None,
    stripe: tuple[int, int] | None = None,
    name: str = "",
    command: str = "",
    on_progress: OnProgress | None = None,
) -> Store:
    """Explain every position of a corpus and keep the result on disk.

    Whatever computes it, the bytes of the store are the same: one process or many,
    without a break or resumed, in shards of any size.

    Parameters
    ----------
    network : Module
        In evaluation mode.
    corpus : Corpus
        N positions.
    path : path-like
        Folder of the store, by habit ``NAME.crp``.
    targets, composite, layers
        As for `attribute`.
    detail : str
        Conditional heatmaps that are kept: "sums" for none, "references" for those
        of the reference boards, "sample" for those of some positions too, "all"
        for those of every position.
    references : int
        Reference boards whose conditional heatmaps are kept for every channel,
        target and kind of `REFERENCE_KINDS`; 0 keeps none.
    sample, seed : int
        How many positions keep their maps with detail "sample", and the seed by
        which they are drawn.
    statistics : bool
        Sum up what the maps of every channel look like; see
        `conceptlrp.runs.statistics`.
    dtype : str
        What is stored: "float32", or "float16" in half the space. The largest
        rounding error of every shard stands in its receipt.
    compute_dtype, device : str
        What it is computed with: ``dtype`` and ``device`` of `attribute`.
    batch_size : int
        Positions at a time; part of the plan, since it can change the last digit.
    shard_size : int, optional
        Positions a file, a multiple of `batch_size`; by default 4,096 or what
        takes about 128 MiB.
    overwrite : bool
        Replace a store that stands at `path`.
    resume : bool
        Go on with a store at `path`: only what is missing or damaged is computed.
    append : bool
        Add the positions behind those of the store at `path`, which must be the
        first of `corpus`; only the new ones are explained, while reference boards
        are ranked anew.
    workers : int, optional
        Compute in so many processes of their own; in this one by default, with as
        many threads as there are cores, up to 4. As always with processes, a script
        must start its work under ``if __name__ == "__main__":``.
    scheduler : str or distributed.Client, optional
        Compute on the workers of a Dask cluster, which must see `path`.
    stripe : (int, int), optional
        (I, N): compute only every N-th shard from the I-th on, I being 1 to N, as
        one of N jobs that need not know of each other, joining the run at `path` if
        it is there. `merge_run` finishes.
    name, command : str
        Name of the network and the command that was run, for the provenance.
    on_progress : callable, optional
        Called with a `Progress` after every batch, or every part where others
        compute; maybe from another thread.

    Returns
    -------
    Store
        The finished store, open for reading; an unfinished one for a stripe.

    Raises
    ------
    OutputExistsError
        When something stands at `path`.
    StoreError
        When the store there is of another computation, naming what differs, or
        another run is at work on it, or it cannot be written.
    RunError
        When a part could not be computed; everything else is kept.
    RunInterrupted
        After Ctrl-C or SIGTERM, with what was finished kept.
    NetworkError, CompositeError, LayerError, TargetError
        As for `attribute`.
    ValueError
        When there are no positions, or a size or number makes no sense.
    """
    beginning = _Beginning(overwrite=overwrite, resume=resume, append=append)
    executor = choose_executor(workers, scheduler, stripe)
    if stripe is not None and (overwrite or append):
        msg = "a job of an array joins the run that is there; append or overwrite first"
        raise ValueError(msg)
    recipe, explainer = make_recipe(
        path, network, composite, layers, targets, dtype=compute_dtype, device=device
    )
    check_positions(explainer, corpus, recipe.targets)
    plan = make_plan(
        recipe,
        explainer,
        corpus,
        Detail(detail, references, sample, seed, statistics),
        dtype=dtype,
        batch_size=batch_size,
        shard_size=shard_size,
        name=name,
        command=command,
    )
    watch = Watch(on_progress)
    with stoppable(recipe.path, watch):
        if stripe is not None:
            compute_stripe(recipe, explainer, plan, corpus, stripe, watch)
            return open_store(path)
        with run_lock(recipe.path):
            verify = beginning.prepare(recipe.path, plan, corpus)
            job = Job(recipe, explainer, corpus)
            complete_run(job, executor, watch, verify=verify)
        watch.check()
    return open_store(path)


@dataclass(frozen=True)
class _Beginning:
    """How a run begins at a place where something may stand already."""

    overwrite: bool
    resume: bool
    append: bool

    def __post_init__(self) -> None:
        if self.overwrite + self.resume + self.append > 1:
            msg = "a store is overwritten, resumed or appended to; choose one of them"
            raise ValueError(msg)

    def prepare(self, path: str, plan: Plan, corpus: Corpus) -> bool:
        """Make the folder ready; return whether parts that are there may be damaged."""
        if not is_store(Path(path)) or self.overwrite:
            create_run(path, plan, corpus, overwrite=self.overwrite)
            return False
        if not (self.resume or self.append):
            msg = (
                f"{path}: already exists; choose another name, or ask to resume, "
                "append or overwrite"
            )
            raise OutputExistsError(msg)
        stored = read_plan(path)
        same = stored.corpus["digest"] == plan.corpus["digest"]
        plan = same_sample(plan, stored)
        if self.append and not same:
            append_run(path, plan, corpus)
        else:
            resume_run(path, plan, corpus)
        return True
