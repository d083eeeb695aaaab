from tests.lrp.conftest import random_positions, small_network  # noqa: F401
