"""The plan of a run: all that its numbers depend on, checked before any is made."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from conceptlrp.lrp import Explainer, Move, Moves, Played, Target
from conceptlrp.lrp.composites import module_rules
from conceptlrp.networks import network_digest
from conceptlrp.othello import Corpus
from conceptlrp.runs.fingerprint import rules_digest
from conceptlrp.runs.job import Recipe
from conceptlrp.runs.versions import package_versions
from conceptlrp.store import Plan

#: Torch threads of everyone who computes: sums of floats may depend on it.
THREADS = 1
_MOST_ROWS = 4096
_SHARD_BYTES = 1 << 27


@dataclass(frozen=True)
class Detail:
    """How much of the conditional maps a run keeps.

    Attributes
    ----------
    level : str
        "sums", "references", "sample" or "all".
    references : int
        Reference boards a channel and kind.
    sample : int
        Positions whose maps are kept, for "sample".
    seed : int
        Seed of the sample.
    statistics : bool
        Sum up board statistics of every channel.
    """

    level: str
    references: int
    sample: int
    seed: int
    statistics: bool

    def __post_init__(self) -> None:
        levels = ("sums", "references", "sample", "all")
        if self.level not in levels:
            msg = f"detail is '{self.level}', expected one of {', '.join(levels)}"
            raise ValueError(msg)
        check_at_least(0, "references", self.references)
        check_at_least(0, "seed", self.seed)
        if (self.level == "sample") != (self.sample > 0):
            msg = (
                f"detail is '{self.level}' and sample is {self.sample}, expected "
                "'sample' and how many positions, or neither"
            )
            raise ValueError(msg)

    def fields(self, n_positions: int) -> dict[str, Any]:
        """Return the fields of a plan for so many positions."""
        sampled = {"positions": self.sample, "seed": self.seed, "of": n_positions}
        kept = 0 if self.level == "sums" else self.references
        without = self.level == "references" and kept == 0
        return {
            "detail": "sums" if without else self.level,
            "references": kept,
            "sample": sampled if self.level == "sample" else {},
            "statistics": self.statistics,
        }


def check_at_least(least: int, name: str, number: int) -> None:
    """Refuse a number that makes no sense."""
    if number < least:
        msg = f"{name} is {number}, expected {least} or more"
        raise ValueError(msg)


def check_positions(
    explainer: Explainer, corpus: Corpus, targets: Sequence[Target]
) -> None:
    """Raise before anything is computed for positions that cannot be explained."""
    explainer.check(corpus)
    no_logits = np.empty((0, 0))
    for target in targets:
        if isinstance(target, Move | Moves | Played):
            target.squares_at(corpus, no_logits)


def make_plan(
    recipe: Recipe,
    explainer: Explainer,
    corpus: Corpus,
    detail: Detail,
    *,
    dtype: str,
    batch_size: int,
    shard_size: int | None,
    name: str,
    command: str,
) -> Plan:
    """Write down what a run computes."""
    check_at_least(1, "batch_size", batch_size)
    check_at_least(1, "shard_size", 1 if shard_size is None else shard_size)
    plan = Plan(
        network=_network_provenance(recipe.network, name),
        corpus=_corpus_provenance(corpus),
        composite=composite_provenance(explainer),
        targets=tuple(target.name for target in recipe.targets),
        layers=explainer.shapes,
        dtype=dtype,
        compute={
            "dtype": recipe.dtype,
            "batch_size": batch_size,
            "threads": THREADS,
            **_moves(recipe.targets),
        },
        shard_size=shard_size or batch_size,
        versions=package_versions(),
        command=command,
        **detail.fields(len(corpus)),
    )
    if shard_size is None:
        return replace(plan, shard_size=_fitting_size(plan, explainer.size))
    return plan


def same_sample(plan: Plan, stored: Plan) -> Plan:
    """Return a plan whose sample is drawn as a store began to draw it."""
    now, then = plan.sample, stored.sample
    if not now or not then:
        return plan
    return replace(plan, sample={**now, "of": then["of"]})


def composite_provenance(explainer: Explainer) -> dict[str, Any]:
    """Return name, rules and fingerprint of an explainer's composite."""
    rules = module_rules(explainer.composite, explainer.network)
    return {
        "name": explainer.composite_name,
        "rules": explainer.rules,
        "digest": rules_digest(rules),
    }


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
