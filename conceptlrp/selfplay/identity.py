"""What a training's result depends on, so that only the same training is resumed."""

import hashlib
from dataclasses import asdict
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from conceptlrp.errors import TrainingError
from conceptlrp.networks import BoardNetwork, network_digest
from conceptlrp.othello import Corpus
from conceptlrp.selfplay.progress import TrainingOptions
from conceptlrp.selfplay.training_set import TrainingSet

# Other modules may change between a stop and going on.
_MODULES = (
    "networks.board_network",
    "networks.othello_net",
    "networks.residual_tower",
    "selfplay.batches",
    "selfplay.evaluation",
    "selfplay.loop",
    "selfplay.progress",
    "selfplay.session",
    "selfplay.training",
    "selfplay.training_set",
)


def training_identity(
    network: BoardNetwork,
    examples: TrainingSet,
    validation: Corpus | None,
    positions: int,
    options: TrainingOptions,
) -> dict[str, Any]:
    """Name everything that decides which weights a training ends with.

    Parameters
    ----------
    network : BoardNetwork
        Before its first step.
    examples : TrainingSet
        What is learned from.
    validation : Corpus, optional
        What is held out.
    positions : int
        How many of those a point of the curve uses.
    options : TrainingOptions
        Schedule, seed and so on.

    Returns
    -------
    dict
        JSON-ready values by name.
    """
    held_out = "none"
    if validation is not None:
        digest = TrainingSet.from_corpus(validation).digest
        held_out = f"{len(validation)} {digest[:12]}, {positions} a point"
    said = asdict(options) | {
        "corpus": f"{len(examples)} {examples.digest[:12]}",
        "held-out positions": held_out,
    }
    return said | network_identity(network)


def network_identity(network: BoardNetwork) -> dict[str, Any]:
    """Name what a training depends on beside its options and its data.

    Parameters
    ----------
    network : BoardNetwork
        Before its first step, on the device where it learns.

    Returns
    -------
    dict
        JSON-ready values by name.
    """
    return {
        "architecture": network.architecture,
        "initial weights": network_digest(network)[:12],
        "dropout": _dropout(network),
        "device": next(network.parameters()).device.type,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "training code": _code_digest()[:12],
    }


def check_same(begun: dict[str, Any], resumed: dict[str, Any], place: Path) -> None:
    """Refuse to resume a training as another one.

    Parameters
    ----------
    begun, resumed : dict
        Identities as JSON gives them back.
    place : Path
        Named in the message.

    Raises
    ------
    TrainingError
        Naming the first value that differs.
    """
    for name in begun | resumed:
        was, now = begun.get(name), resumed.get(name)
        if was != now:
            message = (
                f"{place}: begun with {name} {was}, resumed with {now}; resume it as "
                "it was begun, or begin anew"
            )
            raise TrainingError(message)


def _dropout(network: BoardNetwork) -> list[float]:
    """Probabilities of the network's dropout modules; no weight tells them."""
    modules = network.modules()
    return [m.p for m in modules if isinstance(m, torch.nn.Dropout)]


@cache
def _code_digest() -> str:
    """SHA-256 of the modules that compute a step."""
    digest = hashlib.sha256()
    for name in _MODULES:
        file = import_module(f"conceptlrp.{name}").__file__
        assert file is not None
        digest.update(Path(file).read_bytes())
    return digest.hexdigest()
