"""Readers of game files: each format, damaged files and files that do harm."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from conceptlrp.errors import GameFileError
from conceptlrp.othello.files.formats import read_games
from conceptlrp.othello.games import GameFile
from tests.othello.samples import Sample, hostile, mutated, samples

SAMPLES = samples()
HOSTILE = hostile()
MUTATIONS = 200
MOST_SECONDS = 5
#: Times the bytes of the file, and what a small file may take.
MOST_MEMORY = (60, 32 << 20)


def read_from(folder: Path, sample: Sample, data: bytes) -> GameFile:
    path = folder / sample.name
    path.write_bytes(data)
    return read_games(path)


@pytest.mark.parametrize("label", SAMPLES)
def test_each_format_gives_its_games(label: str, tmp_path: Path):
    sample = SAMPLES[label]

    found = read_from(tmp_path, sample, sample.data)

    assert len(found.games) == sample.games
    assert len(found.problems) == sample.left_out
    assert all(line.startswith(f"{sample.name}: ") for line in found.problems)


@pytest.mark.parametrize("label", SAMPLES)
def test_the_content_tells_the_format(label: str, tmp_path: Path):
    path = tmp_path / "unnamed"
    path.write_bytes(SAMPLES[label].data)

    assert len(read_games(path).games) == SAMPLES[label].games


def end_of(folder: Path, sample: Sample, data: bytes) -> str:
    """Return the error that a file is refused with, empty where games are read."""
    begun, error = time.process_time(), ""
    try:
        read_from(folder, sample, data)
    except GameFileError as refused:
        error = str(refused)
    assert time.process_time() - begun < MOST_SECONDS
    return error


@pytest.mark.parametrize("label", SAMPLES)
def test_a_damaged_file_is_read_or_refused(label: str, tmp_path: Path):
    sample, rng = SAMPLES[label], np.random.default_rng(sum(label.encode()))

    damaged = [mutated(sample.data, rng) for _ in range(MUTATIONS)]
    errors = [end_of(tmp_path, sample, data) for data in damaged]

    assert [e for e in errors if e and not e.startswith(sample.name)] == []


@pytest.mark.parametrize("label", HOSTILE)
def test_a_file_that_does_harm_is_read_or_refused(label: str, tmp_path: Path):
    sample = HOSTILE[label]
    tracemalloc.start()

    error = end_of(tmp_path, sample, sample.data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    times, least = MOST_MEMORY
    assert not error or error.startswith(sample.name)
    assert peak < times * len(sample.data) + least
