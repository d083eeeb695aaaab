"""Runs whose options stand in one list, so that tests can vary one of them."""

from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from conceptlrp.othello import Corpus
from conceptlrp.runs import KeepOptions, RunOptions, attribute_corpus
from conceptlrp.store import Store


class Step(NamedTuple):
    """One call of `on_progress`."""

    stage: str
    done: int
    total: int


class Steps(list[Step]):
    """All calls of `on_progress`, in order."""

    def __call__(self, stage: str, done: int, total: int) -> None:
        self.append(Step(stage, done, total))


def explain_corpus(
    network: nn.Module, corpus: Corpus, path: Path, **options: Any
) -> Store:
    """Run `attribute_corpus` with fields of its options among the others."""
    keep, run = (
        kind(**{f.name: options.pop(f.name) for f in fields(kind) if f.name in options})
        for kind in (KeepOptions, RunOptions)
    )
    return attribute_corpus(network, corpus, path, keep=keep, run=run, **options)
