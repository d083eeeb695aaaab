"""Timing of contestants in turn, so that a busy machine is busy for all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

Contestant = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """Times of one contestant, in seconds, one a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """The shortest one."""
        return min(self.seconds)


def timed(work: Callable[[], object], *, repeats: int = 1) -> Contestant:
    """Turn work into a contestant that returns how long it took, on average."""

    def contestant() -> float:
        start = time.perf_counter()
        for _ in range(repeats):
            work()
        return (time.perf_counter() - start) / repeats

    return contestant


def alternate(
    contestants: Mapping[str, Contestant], *, rounds: int
) -> dict[str, Timing]:
    """Let each contestant run once a round, after one round that does not count.

    Parameters
    ----------
    contestants : mapping of str to callable
        Each does its work once and returns the seconds that count.
    rounds : int
        How often; the contestants take turns in going first.
    """
    names = list(contestants)
    found: dict[str, list[float]] = {name: [] for name in names}
    for contestant in contestants.values():
        contestant()
    for turn in range(rounds):
        shift = turn % len(names)
        for name in names[shift:] + names[:shift]:
            found[name].append(contestants[name]())
    return {name: Timing(tuple(seconds)) for name, seconds in found.items()}


def fastest(timings: Mapping[str, Timing], *names: str) -> Timing:
    """Return the timing with the smallest median of those named."""
    return min((timings[name] for name in names), key=lambda timing: timing.median)
