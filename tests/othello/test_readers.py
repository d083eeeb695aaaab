"""Readers of game files: each format, damaged files and files that do harm."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello import Corpus
from conceptlrp.othello.files.formats import read_games
from tests.othello.samples import Sample, hostile, mutated, samples

SAMPLES = samples()
HOSTILE = hostile()
MUTATIONS = 200
MOST_SECONDS = 5
#: Times the bytes of the file, and what a small file may take.
MOST_MEMORY = (60, 32 << 20)


def read_from(folder: Path, sample: Sample, data: bytes) -> Corpus:
    path = folder / sample.name
    path.write_bytes(data)
    return Corpus.read(path)


@pytest.mark.parametrize("label", SAMPLES)
def test_each_format_gives_its_games(label: str, tmp_path: Path):
    sample = SAMPLES[label]

    corpus = read_from(tmp_path, sample, sample.data)

    assert len(corpus.games) == sample.games
    assert len(corpus.problems) == sample.left_out
    assert all(line.startswith(f"{sample.name}: ") for line in corpus.problems)


@pytest.mark.parametrize("label", SAMPLES)
def test_the_content_tells_the_format(label: str, tmp_path: Path):
    path = tmp_path / "unnamed"
    path.write_bytes(SAMPLES[label].data)

    assert len(read_games(path).games) == SAMPLES[label].games


@pytest.mark.parametrize("label", SAMPLES)
def test_a_damaged_file_is_read_or_refused(label: str, tmp_path: Path):
    sample, rng = SAMPLES[label], np.random.default_rng(sum(label.encode()))

    for _ in range(MUTATIONS):
        data, begun = mutated(sample.data, rng), time.monotonic()
        try:
            read_from(tmp_path, sample, data)
        except GameFileError as error:
            assert str(error).startswith(sample.name)
        assert time.monotonic() - begun < MOST_SECONDS


@pytest.mark.parametrize("label", HOSTILE)
def test_a_file_that_does_harm_is_read_or_refused(label: str, tmp_path: Path):
    sample, begun = HOSTILE[label], time.monotonic()
    tracemalloc.start()

    try:
        read_from(tmp_path, sample, sample.data)
    except GameFileError as error:
        assert str(error).startswith(sample.name)
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert time.monotonic() - begun < MOST_SECONDS
    times, least = MOST_MEMORY
    assert peak < times * len(sample.data) + least
