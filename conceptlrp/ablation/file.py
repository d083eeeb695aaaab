"""Effects of ablation on disk: one HDF5 file for each target of a store."""

from dataclasses import fields
from pathlib import Path
from typing import Final

import numpy as np

from conceptlrp.ablation.result import Ablation, LayerEffects
from conceptlrp.clustering.clustering_file import file_stem
from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors
from conceptlrp.store import Store
from conceptlrp.store.derived import check_origin, derived_file, save_derived
from conceptlrp.store.tables import Table, encode_tables, read_tables

_KIND: Final = "conceptlrp-effects"
_REMEDY: Final = "conceptlrp ablate"
_TEXTS: Final = ("target", "ablation", "positions", "seed", "network", "corpus")


def effects_name(target: str) -> str:
    """Name the file of the effects on a target."""
    return f"effects-{file_stem(target)}.h5"


def save_effects(found: Ablation, store: Store, *, overwrite: bool = False) -> Path:
    """Save effects of ablation in the folder of their store.

    Parameters
    ----------
    found : Ablation
        What to save.
    store : Store
        The store that the positions were drawn from.
    overwrite : bool
        Replace the effects on the same target that are there.

    Returns
    -------
    Path
        ``effects-<target>.h5`` in the folder of the store.

    Raises
    ------
    OutputExistsError
        When there are effects on this target and they must not be replaced.
    StoreError
        When they are of another network or corpus, or cannot be written.
    """
    path = store.path / effects_name(found.target)
    texts = {name: str(getattr(found, name)) for name in _TEXTS}
    check_origin(path, texts, store.manifest, remedy=_REMEDY)
    tables = [
        Table({"layer": layer}, {f.name: getattr(each, f.name) for f in fields(each)})
        for layer, each in found.layers.items()
    ]
    content = encode_tables(_KIND, texts, tables)
    save_derived(store.path, path.name, content, overwrite=overwrite)
    return path


def load_effects(store: Store, *, target: int | str = 0) -> Ablation | None:
    """Load the effects of ablation on a target of a store.

    Parameters
    ----------
    store : Store
        The store.
    target : int or str
        Index or name of the target.

    Returns
    -------
    Ablation or None
        Equal to what was saved; None where nothing was.

    Raises
    ------
    StoreError
        When the file is damaged, or of another target, network or corpus.
    """
    name = store.targets[store.target_index(target)]
    path = derived_file(store.path, effects_name(name))
    if path is None:
        return None
    texts, tables = read_tables(path, _KIND)
    check_origin(path, texts, store.manifest, remedy=_REMEDY)
    with clear_errors(path, StoreError):
        if texts["target"] != name:
            msg = f"has effects on target '{texts['target']}', expected '{name}'"
            raise StoreError(msg)
        layers = {table.texts["layer"]: _layer(table, store) for table in tables}
        return Ablation(
            target=name,
            ablation=texts["ablation"],
            positions=int(texts["positions"]),
            seed=int(texts["seed"]),
            layers=layers,
            network=texts["network"],
            corpus=texts["corpus"],
        )


def _layer(table: Table, store: Store) -> LayerEffects:
    """Return the effects of a layer, once all have the shape that they must have."""
    size = store.manifest.board_size
    channels = store.channels(table.texts["layer"])
    for each in fields(LayerEffects):
        expected = (channels, size, size) if each.name == "policy" else (channels,)
        found = table.arrays[each.name]
        if found.shape != expected or found.dtype != np.float64:
            msg = (
                f"is damaged: '{each.name}' is {found.dtype} of shape {found.shape}, "
                f"expected float64 of shape {expected}"
            )
            raise StoreError(msg)
    return LayerEffects(**{f.name: table.arrays[f.name] for f in fields(LayerEffects)})
