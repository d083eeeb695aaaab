"""What tests of several folders share."""

from pathlib import Path

import pytest
from hypothesis import settings

# The first call of a large library can take longer than any deadline.
settings.register_profile("conceptlrp", deadline=None, derandomize=True)
settings.load_profile("conceptlrp")

GAMES = Path(__file__).parents[2] / "shared" / "games"


@pytest.fixture(scope="session")
def wthor_folder() -> Path:
    """The folder of the WTHOR database, which is not part of the repository."""
    if not (GAMES / "truth.json").is_file():
        pytest.skip(f"the WTHOR database is not at {GAMES}")
    return GAMES
