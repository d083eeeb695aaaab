"""The stages of a run: its plan, positions, reference heatmaps, then the whole.

The plan is all that the numbers depend on, checked before any is made.
"""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.lrp import (
    Explainer,
    Move,
    Moves,
    Played,
    Target,
    mean_baseline,
    resolve_baseline,
)
from conceptlrp.lrp.baselines import MEAN_POSITIONS, default_baseline
from conceptlrp.lrp.explainer import AnyBaseline
from conceptlrp.othello import Corpus
from conceptlrp.progress import OnProgress
from conceptlrp.runs.distributed import Distributed
from conceptlrp.runs.executors import (
    Executor,
    InProcess,
    Processes,
    RunInterrupted,
    Watch,
)
from conceptlrp.runs.job import (
    Job,
    JobSpec,
    Task,
    TaskPart,
    composite_provenance,
    corpus_provenance,
    network_provenance,
    package_versions,
    torch_threads,
)
from conceptlrp.runs.options import KeepOptions, RunOptions
from conceptlrp.runs.parts import (
    OnRows,
    maps_of_blocks,
    rank_references,
    reference_blocks,
    reference_tables,
)
from conceptlrp.store import Plan, Store, open_store
from conceptlrp.store.baseline import Baseline, baseline_words
from conceptlrp.store.format.manifest import is_store, read_manifest
from conceptlrp.store.format.schema import REFERENCE_KINDS
from conceptlrp.store.writing.finish import finish_run, has_references
from conceptlrp.store.writing.shard_writer import (
    pending,
    pending_blocks,
    read_blocks,
    shards_of,
)
from conceptlrp.store.writing.writer import load_baseline, read_plan

Arrays = dict[str, NDArray[Any]]

#: Torch threads of everyone who computes: sums of floats may depend on it.
THREADS = 1
_MOST_ROWS = 1 << 14
_SHARD_BYTES = 1 << 27
# Ctrl-C loses what a shard took at most; a run of minutes is cut more finely, so that
# all cores have work. Of very many positions the number of files is what counts.
_SHARD_SECONDS = (15.0, 30.0)
_FEW_SHARDS, _MANY_SHARDS = 8, 1 << 16
_TRIAL_SECONDS = 0.1


def choose_executor(run: RunOptions) -> Executor:
    """Return what computes the parts of a run."""
    if run.scheduler is not None:
        return Distributed(run.scheduler)
    return InProcess() if run.workers is None else Processes(run.workers)


@contextmanager
def stoppable(watch: Watch, kept: Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM end a run in order, and say what it leaves."""
    with watch.signals():
        try:
            yield
        except KeyboardInterrupt:
            raise RunInterrupted(kept()) from None


def what_is_kept(path: str) -> str:
    """Say what is there of an interrupted run, and how to go on."""
    if not is_store(Path(path)):
        return f"{path}: interrupted before it began"
    n_shards = len(shards_of(path))
    finished = n_shards - len(pending(path))
    return (
        f"{path}: interrupted with {finished} of {n_shards} shards finished, which "
        "are kept; run the same again and ask to resume (--resume)"
    )


def spread(
    function: Callable[[TaskPart, OnRows], Any],
    sizes: Sequence[int],
    stage: str,
    run: RunOptions | None = None,
    on_progress: OnProgress | None = None,
) -> list[Any]:
    """Compute a function of parts of so many units by workers, Dask, or right here.

    It gets a part, and what counts units done. All find the same to the last bit, but
    for the rounding of more threads of torch here.
    """
    watch, run = Watch(on_progress), run or RunOptions()
    watch.begin(stage, sum(sizes))
    here = run.workers is None and run.scheduler is None
    task = Task(function, torch.get_num_threads() if here else THREADS)
    ends = enumerate(zip(sizes, accumulate(sizes), strict=True))
    parts = [TaskPart(i, end - size, end) for i, (size, end) in ends]
    with stoppable(watch, lambda: f"interrupted in '{stage}', nothing was written"):
        found = dict(choose_executor(run).run(task, parts, watch))
        watch.check()
    return [found[part.index] for part in parts]


def complete_run(job: Job, executor: Executor, watch: Watch, *, verify: bool) -> None:
    """Compute what is missing of a run and make the store of it."""
    specs = pending(job.path, verify=verify)
    n_positions = len(job.corpus)
    missing = sum(len(spec) for spec in specs)
    watch.begin("positions", n_positions, done=n_positions - missing)
    for _ in executor.run(job, specs, watch):
        watch.check()
    tables = None if has_references(job.path) else _references(job, executor, watch)
    finish_run(job.path, references=tables)


def _references(job: Job, executor: Executor, watch: Watch) -> Arrays:
    store = _sums(job)
    n_tables = len(store.targets) * len(REFERENCE_KINDS) * len(store.layers)
    watch.begin("reference tables", n_tables)
    rankings = rank_references(store, job.plan.references, on_ranked=watch.advance)
    size = job.plan.shard_size
    blocks = reference_blocks(rankings, job.layers, job.batch_size, size)
    missing = set(pending_blocks(job.path, len(blocks)))
    wanted = [block for block in blocks if block.index in missing]
    n_maps = sum(len(block) for block in blocks)
    done = n_maps - sum(len(block) for block in wanted)
    watch.begin("reference heatmaps", n_maps, done=done)
    for _ in executor.run(job, wanted, watch):
        watch.check()
    computed = {n: block for n, block in read_blocks(job.path) if n < len(blocks)}
    maps = maps_of_blocks(computed)
    return reference_tables(rankings, job.layers, maps, job.corpus.size)


def _sums(job: Job) -> Store:
    """Open the store, whose shards are complete, even if other parts are damaged."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_store(job.path, damaged="skip")


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


@dataclass(frozen=True)
class AskedBaseline:
    """What relevance of a run is to be above, before it is known row by row.

    A mean is taken once, where a store begins, over a sample that `seed` draws; who
    joins, resumes or appends takes it over, since games that come later must not
    change what the former ones have. The `timed` targets are computed at some positions
    for the size of shards, none where it is given.
    """

    given: AnyBaseline
    explainer: Explainer
    seed: int
    timed: Sequence[Target]

    def begun(self, plan: Plan, corpus: Corpus) -> tuple[Plan, Baseline]:
        """Return the plan and the baseline of a store that begins."""
        if self.given is None:
            word = default_baseline(self.explainer, len(corpus))
            return replace(self, given=word).begun(plan, corpus)
        if self._is_mean:
            self.explainer.propagation.check_baseline()
            baseline = self._mean(corpus, MEAN_POSITIONS)
            made = {**baseline.to_dict(), "of": len(corpus)}
            return replace(plan, baseline=made), baseline
        baseline = resolve_baseline(self.given, self.explainer, corpus)
        baseline.check(self.explainer.shapes, len(corpus))
        if baseline.kind == "zero":
            return plan, baseline
        self.explainer.propagation.check_baseline()
        return replace(plan, baseline=baseline.to_dict()), baseline

    def again(
        self, path: str, plan: Plan, corpus: Corpus, *, append: bool = False
    ) -> tuple[Plan, Baseline]:
        """Return the plan and the baseline of a store, if it is the one asked for."""
        made = read_plan(path).baseline
        if self.given is None and made.get("kind") != "donor":
            # Not told otherwise, a run goes on above what the store is above.
            return replace(plan, baseline=made), self._stored(path, corpus)
        if self._is_mean and "of" in made:
            asked = {"positions": min(MEAN_POSITIONS, made["of"]), "seed": self.seed}
            if any(made[name] != value for name, value in asked.items()):
                raise _other_baseline(path, made, {**made, **asked})
            return replace(plan, baseline=made), self._stored(path, corpus)
        if self._is_mean and made.get("kind") != "mean":
            asked = {"positions": min(MEAN_POSITIONS, len(corpus)), "seed": self.seed}
            raise _other_baseline(path, made, {"kind": "mean", **asked})
        plan, baseline = self.begun(plan, corpus)
        now = plan.baseline
        # With more rows there are other donors; the first ones are compared later.
        grown = append and now.get("kind") == made.get("kind") == "donor"
        if not grown and now.get("digest") != made.get("digest"):
            raise _other_baseline(path, made, now)
        return (plan if grown else replace(plan, baseline=made)), baseline

    def cut(self, plan: Plan, corpus: Corpus, baseline: Baseline) -> Plan:
        """Make shards smaller where one would take long.

        They have a power of two of batches, so that the clock seldom decides which.
        """
        batch_size, n = int(plan.compute["batch_size"]), len(corpus)
        if not self.timed or n <= batch_size:
            return plan
        drawn = min(1.0, plan.sample["positions"] / n) if plan.sample else 0.0
        share = 1.0 if plan.statistics or plan.detail == "all" else drawn
        each = sum(
            part * self._seconds_each(corpus, baseline, batch_size, conditional=maps)
            for maps, part in ((False, float(share < 1)), (True, share))
            if part
        )
        seconds = np.clip(each * n / _FEW_SHARDS, *_SHARD_SECONDS)
        rows = max(n // _MANY_SHARDS, int(min(seconds / each, _MOST_ROWS)))
        batches = max(1, min(rows, plan.shard_size) // batch_size)
        return replace(plan, shard_size=batch_size << (batches.bit_length() - 1))

    def _seconds_each(
        self, corpus: Corpus, baseline: Baseline, most: int, *, conditional: bool
    ) -> float:
        """Time the first positions, more of them until it takes long enough."""
        count = 1
        with torch_threads(THREADS):
            # What is made once, at the first position, does not count.
            for _ in range(2 + most.bit_length()):
                rows, begun = np.arange(count), time.perf_counter()
                self.explainer.summarize(
                    corpus[rows],
                    targets=[target.take(rows) for target in self.timed],
                    conditional=conditional,
                    baseline=baseline.take(rows),
                )
                each = max(time.perf_counter() - begun, 1e-9) / count
                if count > 1 and each * count > _TRIAL_SECONDS:
                    break
                count = min(2 * count, most)
        return each

    @property
    def _is_mean(self) -> bool:
        return isinstance(self.given, str) and self.given == "mean"

    def _mean(self, corpus: Corpus, n_positions: int) -> Baseline:
        with torch_threads(THREADS):
            return mean_baseline(
                self.explainer, corpus, n_positions=n_positions, seed=self.seed
            )

    def _stored(self, path: str, corpus: Corpus) -> Baseline:
        """Read the mean of a store, or take it again where its file is damaged."""
        manifest = read_manifest(Path(path))
        try:
            return load_baseline(Path(path), manifest)
        except StoreError as error:
            made = manifest.baseline
            if "of" not in made:
                raise
            found = self._mean(corpus[: made["of"]], made["positions"])
            if found.digest == made["digest"]:
                return found
            msg = (
                f"{error}: its mean cannot be taken again to the last bit here; copy "
                "the file again, or compute the store again"
            )
            raise StoreError(msg) from error


def _other_baseline(
    path: str, stored: dict[str, Any], now: dict[str, Any]
) -> StoreError:
    there, asked = (
        baseline_words(made.get("kind", "zero"), made.get("positions", 0))
        + (f", seed {made['seed']}" if made.get("kind") == "mean" else "")
        for made in (stored, now)
    )
    other = "another one" if there == asked else f"relevance above {asked}"
    return StoreError(
        f"{path}: has relevance above {there}, asked for is {other}; ask for the "
        "baseline of the store (--baseline), or choose another name"
    )


def _fitting_size(plan: Plan, size: int) -> int:
    """Return whole batches that take about 128 MiB, and 16,384 positions at most."""
    channels = sum(shape["channels"] for shape in plan.layers.values())
    maps = size * size if plan.detail == "all" else 0
    numbers = len(plan.targets) * channels * (1 + maps) + 3 * channels
    batch_size = plan.compute["batch_size"]
    rows = min(_MOST_ROWS, _SHARD_BYTES // (4 * numbers))
    return int(max(1, rows // batch_size) * batch_size)


def _moves(targets: Sequence[Target]) -> dict[str, Any]:
    """Tell lists of moves apart, which their names do not."""
    moves = {
        target.name: sha256(np.array(target.squares, np.int8).tobytes()).hexdigest()
        for target in targets
        if isinstance(target, Moves)
    }
    return {"moves": moves} if moves else {}
