"""What the user of a run decides: what it keeps, and how it is computed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from conceptlrp.errors import check_choice, check_least

if TYPE_CHECKING:
    from distributed import Client

_MODES = ("create", "resume", "append", "overwrite")
_DETAILS = ("sums", "references", "sample", "all")


@dataclass(frozen=True)
class KeepOptions:
    """How much of what a run computes is kept.

    Attributes
    ----------
    detail : str
        Conditional heatmaps that are kept: "sums" for none, "references" for those
        of the reference boards, "sample" for those of some positions too, "all"
        for those of every position. They are above the baseline of the run.
    references : int
        Reference boards whose conditional heatmaps are kept for every channel,
        target and kind of `REFERENCE_KINDS`; 0 keeps none.
    sample : int
        Positions that keep their maps with detail "sample".
    statistics : bool
        Sum up what the maps of every channel look like, by phase of the game and
        kind of square.
    dtype : str
        What is stored: "float32", or "float16" in half the space. The largest
        rounding error of every shard is kept in its receipt.
    """

    detail: str = "references"
    references: int = 16
    sample: int = 0
    statistics: bool = False
    dtype: str = "float32"

    def __post_init__(self) -> None:
        check_choice("detail", self.detail, _DETAILS)
        check_least("references", self.references, 0)
        if (self.detail == "sample") != (self.sample > 0):
            msg = (
                f"detail is '{self.detail}' and sample is {self.sample}, expected "
                "'sample' and how many positions, or neither"
            )
            raise ValueError(msg)

    def plan_fields(self, n_positions: int, seed: int) -> dict[str, Any]:
        """Return the fields of a plan for a number of positions."""
        check_least("seed", seed, 0)
        kept = 0 if self.detail == "sums" else self.references
        without = self.detail == "references" and kept == 0
        sampled = {"positions": self.sample, "seed": seed, "of": n_positions}
        return {
            "detail": "sums" if without else self.detail,
            "references": kept,
            "sample": sampled if self.detail == "sample" else {},
            "statistics": self.statistics,
            "dtype": self.dtype,
        }


@dataclass(frozen=True)
class RunOptions:
    """How a run is computed: by whom, where, and in which portions.

    Attributes
    ----------
    mode : str
        What happens where there is a store already: "create" refuses, "resume"
        computes only what is missing or damaged, "append" adds the positions after
        those of the store, which must be the first of the corpus, and "overwrite"
        replaces it.
    workers : int, optional
        How many processes compute; by default this one does, with as many threads as
        there are cores, up to 4. As always with processes, a script must start its
        work under ``if __name__ == "__main__":``.
    scheduler : str or distributed.Client, optional
        Compute on the workers of a Dask cluster, which must see the store's folder.
    stripe : (int, int), optional
        (I, N): compute only every N-th shard from the I-th on, I being 1 to N, as
        one of N jobs that need not know of each other, joining the run that is
        there. `merge_run` finishes. Only one of workers, scheduler and stripe is given.
    device, compute_dtype : str
        What it is computed with: ``device`` and ``dtype`` of `attribute`.
    allow_gradient : bool
        Explain operations that have no rule by their gradient; see `Explainer`. The
        store names them, and what is asked of it later allows them too.
    batch_size : int
        Positions at a time; part of the plan, since it can change the last digit.
    shard_size : int, optional
        Positions a file, a multiple of `batch_size`; by default what takes about 30
        seconds, as some positions show, but at most 16,384 or about 128 MiB.
    name, command : str
        Name of the network, by default that of its file, and the command that was run,
        for the provenance.
    """

    mode: Literal["create", "resume", "append", "overwrite"] = "create"
    workers: int | None = None
    scheduler: "str | Client | None" = None
    stripe: tuple[int, int] | None = None
    device: str = "cpu"
    compute_dtype: str = "float32"
    allow_gradient: bool = False
    batch_size: int = 64
    shard_size: int | None = None
    name: str = ""
    command: str = ""

    def __post_init__(self) -> None:
        check_choice("mode", self.mode, _MODES)
        for name, number in (
            ("batch_size", self.batch_size),
            ("shard_size", self.shard_size),
            ("workers", self.workers),
        ):
            check_least(name, 1 if number is None else number)
        if sum(x is not None for x in (self.workers, self.scheduler, self.stripe)) > 1:
            msg = (
                "positions are explained by workers, a scheduler or stripes; choose one"
            )
            raise ValueError(msg)
        if self.stripe is not None:
            self._check_stripe(*self.stripe)

    def _check_stripe(self, number: int, count: int) -> None:
        if not 1 <= number <= count:
            msg = f"stripe is {number}/{count}, expected 1/N to N/N"
            raise ValueError(msg)
        if self.mode in ("append", "overwrite"):
            msg = (
                "a job of an array joins the run that is there; append or overwrite "
                "first"
            )
            raise ValueError(msg)
