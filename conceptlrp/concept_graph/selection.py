"""Positions of a store that have something in common, and the name for it.

The name has the form of the options that select them on the command line, such as
"cluster=conv3:2; phase=endgame".
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering import Clustering
from conceptlrp.errors import StoreError
from conceptlrp.othello import parse_square
from conceptlrp.store import Store, Where
from conceptlrp.store.columns import Condition


def select_rows(
    store: Store,
    target: int | str,
    rows: int | Sequence[int] | None,
    *,
    where: Condition,
    label: str | None,
    cluster: str | None,
    move: str | None,
) -> tuple[str, NDArray[np.int64]]:
    """Return the name and the rows (N,) of a selection, at least one row."""
    met = store.columns.mask(where)
    if label is not None:
        met = met & store.columns.mask(Where(labels={label: True}))
    if cluster is not None:
        met = met & _in_cluster(store, target, cluster)
    if move is not None:
        met = met & (_moves(store, target) == parse_square(move, store.positions.size))
    if rows is not None:
        wanted = np.zeros(len(store), np.bool_)
        wanted[_checked_rows(store, rows)] = True
        met = met & wanted
    several = rows is not None and np.ndim(rows) > 0
    one = None if several else rows
    named = {"position": one, "label": label, "cluster": cluster, "move": move}
    words = [f"{name}={value}" for name, value in named.items() if value is not None]
    if several:
        words.append("selected")
    name = "; ".join([*words, *(_words(where) if where is not None else ())])
    chosen = np.flatnonzero(met)
    if not len(chosen):
        msg = f"{store.path}: no position meets '{name}'"
        raise ValueError(msg)
    return name, chosen


def _words(where: Condition) -> Iterator[str]:
    if not isinstance(where, Where):
        yield "selected"
        return
    for each in fields(where):
        value = getattr(where, each.name)
        if each.name == "labels":
            for label, wanted in value.items():
                yield (
                    f"label={label}"
                    if wanted is True
                    else f"label={label}={_text(wanted)}"
                )
        elif value is not None:
            yield f"{each.name}={_text(value)}"


def _text(value: Any) -> str:
    if isinstance(value, tuple | list):
        return ":".join("" if end is None else f"{end:g}" for end in value)
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else f"{value:g}"


def _checked_rows(store: Store, rows: int | Sequence[int]) -> NDArray[np.int64]:
    found = np.atleast_1d(np.asarray(rows))
    if found.dtype.kind == "b":
        msg = "rows are bool, expected whole numbers; give conditions as where"
        raise TypeError(msg)
    if found.dtype.kind not in "iu" or not ((found >= 0) & (found < len(store))).all():
        msg = f"rows are {rows}, expected whole numbers from 0 to {len(store) - 1}"
        raise ValueError(msg)
    return found.astype(np.int64)


def _in_cluster(store: Store, target: int | str, cluster: str) -> NDArray[np.bool_]:
    layer, _, text = cluster.rpartition(":")
    if not layer or not text.isdecimal():
        msg = f"cluster is '{cluster}', expected a layer and a number such as conv3:2"
        raise ValueError(msg)
    found = store.results.get(Clustering, target=target, layer=layer)
    if found is None:
        name = store.targets[store.target_index(target)]
        msg = (
            f"{store.path}: '{layer}' is not clustered for '{name}'; run 'conceptlrp "
            f"cluster --target {name}'"
        )
        raise StoreError(msg)
    if int(text) >= found.n_clusters:
        last = found.n_clusters - 1
        msg = f"'{layer}' has no cluster {text}, expected 0 to {last}"
        raise ValueError(msg)
    met = np.zeros(len(store), np.bool_)
    met[found.rows[found.labels == int(text)]] = True
    return met


def _moves(store: Store, target: int | str) -> NDArray[Any]:
    """Return the move (N,) that a target means, for the value the one played."""
    squares = store.arrays.explained_square(target=target)
    played = store.columns.metadata.of_positions("played")
    return played if store.targets[store.target_index(target)] == "value" else squares
