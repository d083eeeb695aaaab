"""Edited boards of a store, made when asked for."""

from collections.abc import Sequence

import numpy as np

from conceptlrp.labelling.edit_result import EditedBoards
from conceptlrp.labelling.result import ScoredLabels
from conceptlrp.labelling.store_labels import LabelOptions, held_out_study
from conceptlrp.lrp.one_call import store_explainer
from conceptlrp.networks.checkpoint import AnyNetwork, checked_network
from conceptlrp.progress import OnProgress
from conceptlrp.store import open_store
from conceptlrp.store.reader import AnyStore


def edit_boards(
    store: AnyStore,
    network: AnyNetwork,
    *,
    target: int | str = 0,
    layers: Sequence[str] | None = None,
    n_positions: int = 400,
    n_random: int = 3,
    seed: int = 0,
    save: bool = True,
    overwrite: bool = False,
    on_progress: OnProgress | None = None,
) -> EditedBoards:
    """Ask which labels channels answer to, on boards that are edited to switch them.

    `label` does the same for what it saves.

    Parameters
    ----------
    store, network, target, layers
        As for `label`.
    n_positions : int
        Boards to edit at most, each of another game, all of games that labels were not
        found on: those that `label` held out, or half of the games.
    n_random : int
        Networks with random weights.
    seed : int
        The same seed gives the same edits.
    save, overwrite : bool
        Keep the result in the store, and replace the one for the same target, which
        otherwise raises `OutputExistsError`.
    on_progress : callable, optional
        Called with a stage, how many networks are done and how many there are.

    Returns
    -------
    EditedBoards
        Of all labels and channels: 30 s for 256 channels and three random networks, on
        one core. Too few games to hold some out raise `ValueError`.
    """
    store, network = open_store(store), checked_network(network)
    if save:
        store.results.check_free(EditedBoards, target=target, overwrite=overwrite)
    explainer = store_explainer(store, network, layers=layers)
    asked = LabelOptions(n_random=n_random, n_edits=n_positions)
    study = held_out_study(store, explainer, asked, target, seed)
    scored = store.results.get(ScoredLabels, target=target)
    found = study.edits(scored, on_progress or (lambda *_: None))
    if not np.any(found.games):
        msg = f"{store.path}: no board could be edited; explain more games"
        raise ValueError(msg)
    if save:
        store.results.save(found, overwrite=overwrite)
    return found
