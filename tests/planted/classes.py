"""Positions of planted classes: each shows one pattern that a planted network reads.

Shapes use N positions, C channels and K classes.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from conceptlrp.lrp import Explainer
from tests.lrp.conftest import random_corpus
from tests.networks.boards import boards_with
from tests.planted.network import planted_network
from tests.planted.patterns import Pattern

#: All are read by the value and found in conv2.
PATTERNS = (
    Pattern("own corner", ("###", "#X.", "#.."), "an own disc in a corner"),
    Pattern("opponent corner", ("###", "#O.", "#.."), "the opponent's in a corner"),
    Pattern("own edge", ("###", "XXX", "..."), "three own discs on an edge"),
    Pattern("opponent edge", ("###", "OOO", "..."), "three of the opponent's there"),
    Pattern("cross", (".O.", "OXO", ".O."), "an own disc among four others"),
)
_BATCH = 200


def planted_classes(
    classes: int, *, distractors: int, seed: int, positions: int = 1200
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Explain the value of a planted network where just one pattern holds.

    Returns the relevance of conv2 (N, C) and the pattern of each position; the first
    has twice as many as the others.
    """
    patterns = PATTERNS[:classes]
    planted = planted_network(patterns, distractors=distractors, seed=seed)
    explainer = Explainer(planted.network, layers=["conv2"])
    like = random_corpus(6).sample(_BATCH, seed=1)
    found, truth = [], []
    for number, pattern in enumerate(patterns):
        boards = boards_with(pattern, 8 * positions, seed=100 * seed + number)
        alone = sum(each.fires(*boards).astype(int) for each in patterns) == 1
        rows = np.flatnonzero(alone)[: positions // classes * (2 - (number > 0))]
        truth.append(np.full(len(rows), number))
        for start in range(0, len(rows), _BATCH):
            own, opponent = (side[rows[start : start + _BATCH]] for side in boards)
            corpus = replace(like[: len(own)], own=own, opponent=opponent)
            summary = explainer.summarize(corpus, targets=["value"])
            found.append(summary.relevance["conv2"][:, 0])
    return np.concatenate(found), np.concatenate(truth)


def repeated_vectors(
    classes: int, distinct: int, *, noise: float, seed: int, positions: int = 6000
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Repeat a few vectors of 16 channels, each near the first one of its class."""
    random = np.random.default_rng(seed)
    more = random.integers(0, classes, distinct - classes)
    owner = np.concatenate([np.arange(classes), more])
    vectors = random.normal(size=(classes, 16))[owner]
    vectors[classes:] += 0.3 * random.normal(size=(len(more), 16))
    shares = random.dirichlet(np.full(distinct, 2.0))
    which = random.choice(distinct, positions, p=shares)
    values = vectors[which] + noise * random.normal(size=(positions, 16))
    return values.astype(np.float32), owner[which]
