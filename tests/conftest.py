"""What tests of several folders share."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

# The suite runs in one process a core: more threads would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# Tests import zennit themselves, which fails beside a torchvision for CUDA.
import conceptlrp  # noqa: F401

# In the background, as under nohup, Ctrl-C is ignored, and by all that is started too.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The first call of a large library can take longer than any deadline.
settings.register_profile("conceptlrp", deadline=None, derandomize=True)
settings.load_profile("conceptlrp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with slow tests, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


GAMES = Path(__file__).parents[2] / "shared" / "games"


@pytest.fixture(scope="session")
def wthor_folder() -> Path:
    """The folder of the WTHOR database, which is not part of the repository."""
    if not (GAMES / "truth.json").is_file():
        pytest.skip(f"the WTHOR database is not at {GAMES}")
    return GAMES


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Inputs of the command line, which no test changes."""
    from tests.command_line import write_inputs

    path = tmp_path_factory.mktemp("inputs")
    write_inputs(path)
    yield path
    # A pickle that runs code would have made this file.
    assert not (path / "it-ran").exists()
