"""Runs in a process of their own, to be killed."""

import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from conceptlrp.networks import OthelloNet
from conceptlrp.othello import Corpus
from conceptlrp.runs import RunInterrupted
from conceptlrp.runs.executors import start_context
from tests.runs.computing import explain_corpus
from tests.runs.conftest import OPTIONS


def start_run(
    network: OthelloNet, corpus: Corpus, path: Path, **options: Any
) -> BaseProcess:
    """Start a run that can be killed; it goes on with what is there."""
    every = {**OPTIONS, "mode": "resume", **options}
    process: BaseProcess = start_context().Process(
        target=_attribute, args=(network, corpus, path, every)
    )
    process.start()
    return process


def _attribute(
    network: OthelloNet, corpus: Corpus, path: Path, options: dict[str, Any]
) -> None:
    pause = options.pop("pause", 0.0)

    def slowly(*_step: object) -> None:
        time.sleep(pause)

    try:
        explain_corpus(network, corpus, path, on_progress=slowly, **options)
    except RunInterrupted as stopped:
        (path.parent / "message").write_text(str(stopped))
        raise SystemExit(130) from None


def wait_for(condition: Callable[[], bool], *, seconds: float = 60) -> None:
    """Wait until something is so; fail when it does not come."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.002)
