"""Statistics of conditional maps that a store keeps, as the integers they are."""

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import dataset, dataset_names, opened
from conceptlrp.store.arrays import check_kind
from conceptlrp.store.reader import Store
from conceptlrp.store.schema import REMEDY, STATISTICS, STATISTICS_TABLE


def read_statistics(store: Store, layer: str) -> dict[str, NDArray[Any]] | None:
    """Read the sums of a layer's maps.

    Parameters
    ----------
    store : Store
        Relevance of the positions.
    layer : str
        Name of the layer.

    Returns
    -------
    dict of str to ndarray, or None
        Integers by the name of the quantity, and ``positions``; None where the
        store keeps no statistics, or its run goes on.

    Raises
    ------
    LayerError
        For a layer that the store does not have.
    StoreError
        When the file is damaged.
    """
    store.channels(layer)
    if STATISTICS not in store.manifest.files:
        return None
    return _read(store.path / STATISTICS, f"statistics/{layer}/")


def _read(path: Path, group: str) -> dict[str, NDArray[Any]]:
    try:
        with opened(path, StoreError) as file:
            check_kind(file, STATISTICS_TABLE)
            found = {
                name.removeprefix(group): dataset(file, name)[()]
                for name in dataset_names(file)
                if name.startswith(group)
            }
            return {"positions": dataset(file, "statistics/positions")[()], **found}
    except StoreError as error:
        msg = f"{error}; {REMEDY}"
        raise StoreError(msg) from error
