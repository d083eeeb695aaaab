"""A composite that ends the process which explains a certain position."""

import os
import signal
from pathlib import Path

import torch
from torch import Tensor
from zennit.composites import NameLayerMapComposite, layer_map_base
from zennit.rules import Epsilon
from zennit.types import Convolution, Linear

from conceptlrp.networks.planes import board_planes
from conceptlrp.othello import Corpus


class Poison:
    """Looks at what goes into the first layer and kills when it is the board."""

    def __init__(self, corpus: Corpus, row: int, folder: Path, deaths: int) -> None:
        own, opponent = corpus.own[row : row + 1], corpus.opponent[row : row + 1]
        self.board = torch.from_numpy(board_planes(own, opponent))
        self.folder = str(folder)
        self.deaths = deaths

    def __call__(self, planes: Tensor) -> Tensor:
        board = self.board.to(planes)
        if planes.shape[1:] == board.shape[1:] and self._is_there(planes == board):
            graves = list(Path(self.folder).iterdir())
            if len(graves) < self.deaths:
                (Path(self.folder) / str(len(graves))).touch()
                os.kill(os.getpid(), signal.SIGKILL)
        return planes

    @staticmethod
    def _is_there(equal: Tensor) -> bool:
        return bool(equal.flatten(1).all(dim=1).any())


def poisoned_composite(
    corpus: Corpus, row: int, folder: Path, *, deaths: int
) -> NameLayerMapComposite:
    """Return epsilon everywhere, and death at one position for the first times."""
    first = Epsilon()
    first.input_modifiers = [Poison(corpus, row, folder, deaths)]
    layer_map = [*layer_map_base(), (Convolution, Epsilon()), (Linear, Epsilon())]
    return NameLayerMapComposite(name_map=[(("conv1",), first)], layer_map=layer_map)
