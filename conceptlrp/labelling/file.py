"""Scores of labels on disk: one HDF5 file for each target of a store.

A layer is a table of arrays: by measure the scores (C, K) of C channels and K labels
as float32, and as text (JSON, in bytes) what was found out of them.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from conceptlrp.clustering.clustering_file import file_stem
from conceptlrp.errors import StoreError
from conceptlrp.hdf5 import clear_errors
from conceptlrp.labelling.channel_labels import (
    CausalCheck,
    ChannelCause,
    ChannelLabels,
    NamedLabel,
)
from conceptlrp.labelling.result import LabelCriteria, LabelScores, ScoredLabels
from conceptlrp.store import Store
from conceptlrp.store.derived import check_origin, derived_file, save_derived
from conceptlrp.store.tables import Table, encode_tables, read_tables

_KIND: Final = "conceptlrp-label-scores"
_REMEDY: Final = "conceptlrp label"
_NUMBERS: Final = ("positions", "maps", "random_networks", "seed")
_BY_PAIR: Final = ("effect", "held_out", "p", "q")


def label_scores_name(target: str) -> str:
    """Name the file of the scores for a target."""
    return f"label-scores-{file_stem(target)}.h5"


def save_label_scores(
    found: ScoredLabels, store: Store, *, overwrite: bool = False
) -> Path:
    """Save the labels of channels in the folder of their store.

    Parameters
    ----------
    found : ScoredLabels
        What to save.
    store : Store
        The store that was scored.
    overwrite : bool
        Replace the scores for the same target that are there.

    Returns
    -------
    Path
        ``label-scores-<target>.h5`` in the folder of the store.

    Raises
    ------
    OutputExistsError
        When there are scores for this target and they must not be replaced.
    StoreError
        When the store has not these layers, or the file cannot be written.
    """
    path = store.path / label_scores_name(found.target)
    texts = {
        "target": found.target,
        "network": str(store.manifest.network.get("digest", "")),
        "corpus": str(store.manifest.corpus.get("digest", "")),
        "controls": json.dumps(found.controls),
        **{name: str(getattr(found, name)) for name in _NUMBERS},
    }
    for layer, scores in found.layers.items():
        _check_channels(layer, len(scores.channels), store)
    tables = [_table(found, layer) for layer in found.layers]
    content = encode_tables(_KIND, texts, tables)
    save_derived(store.path, path.name, content, overwrite=overwrite)
    return path


def load_label_scores(store: Store, *, target: int | str = 0) -> ScoredLabels | None:
    """Load the labels of the channels of a store.

    Parameters
    ----------
    store : Store
        The store.
    target : int or str
        Index or name of the target.

    Returns
    -------
    ScoredLabels or None
        Equal to what was saved, scores rounded to float32; None where nothing was.

    Raises
    ------
    StoreError
        When the file is damaged, or of another target, network or corpus.
    """
    name = store.targets[store.target_index(target)]
    path = derived_file(store.path, label_scores_name(name))
    if path is None:
        return None
    texts, tables = read_tables(path, _KIND)
    check_origin(path, texts, store.manifest, remedy=_REMEDY)
    with clear_errors(path, StoreError):
        if texts["target"] != name:
            msg = f"has labels for target '{texts['target']}', expected '{name}'"
            raise StoreError(msg)
        known = {table.texts["layer"]: _words(table) for table in tables}
        return ScoredLabels(
            target=name,
            **{number: int(texts[number]) for number in _NUMBERS},
            layers={
                table.texts["layer"]: _scores(table, known[table.texts["layer"]], store)
                for table in tables
            },
            causes={layer: _causes(words) for layer, words in known.items()},
            random_labelled={
                layer: float(words["random_labelled"]) for layer, words in known.items()
            },
            controls=tuple(str(each) for each in json.loads(texts["controls"])),
        )


def _table(found: ScoredLabels, layer: str) -> Table:
    scores = found.layers[layer]
    words = {
        "labels": scores.labels,
        "measures": scores.measures,
        "criteria": asdict(scores.criteria),
        "channels": [asdict(each) for each in scores.channels],
        "causes": {str(c): asdict(each) for c, each in found.causes[layer].items()},
        "random_labelled": found.random_labelled[layer],
    }
    arrays: dict[str, NDArray[Any]] = {
        f"{field}-{number}": np.asarray(getattr(scores, field)[measure], np.float32)
        for number, measure in enumerate(scores.measures)
        for field in (*_BY_PAIR, "random")
    }
    # An attribute of HDF5 could hold 64 KiB of text only.
    arrays["words"] = np.frombuffer(json.dumps(words).encode(), np.uint8)
    return Table({"layer": layer}, arrays)


def _words(table: Table) -> dict[str, Any]:
    words: dict[str, Any] = json.loads(table.arrays["words"].tobytes())
    return words


def _scores(table: Table, words: Mapping[str, Any], store: Store) -> LabelScores:
    """Return the scores of a layer, once all have the shape that they must have."""
    channels = tuple(_channel(each) for each in words["channels"])
    _check_channels(table.texts["layer"], len(channels), store)
    labels = tuple(str(name) for name in words["labels"])
    pairs = (len(channels), len(labels))

    def numbers(field: str, shape: tuple[int, ...]) -> dict[str, NDArray[Any]]:
        return {
            str(measure): _checked(table, f"{field}-{number}", shape)
            for number, measure in enumerate(words["measures"])
        }

    return LabelScores(
        labels=labels,
        **{field: numbers(field, pairs) for field in _BY_PAIR},
        random=numbers("random", pairs[1:]),
        channels=channels,
        criteria=LabelCriteria(**words["criteria"]),
    )


def _checked(table: Table, name: str, shape: tuple[int, ...]) -> NDArray[np.float64]:
    found = table.arrays[name]
    if found.shape != shape or found.dtype != np.float32:
        msg = (
            f"is damaged: '{name}' is {found.dtype} of shape {found.shape}, expected "
            f"float32 of shape {shape}"
        )
        raise StoreError(msg)
    return found.astype(np.float64)


def _check_channels(layer: str, found: int, store: Store) -> None:
    expected = store.channels(layer) if layer in store.layers else 0
    if found != expected:
        msg = (
            f"has labels of {found} channels of layer '{layer}', the store has "
            f"{expected}"
        )
        raise StoreError(msg)


def _channel(words: Mapping[str, Any]) -> ChannelLabels:
    return ChannelLabels(
        channel=int(words["channel"]),
        name=str(words["name"]),
        labels=tuple(_label(each) for each in words["labels"]),
        rivals=tuple(str(each) for each in words["rivals"]),
    )


def _label(words: Mapping[str, Any]) -> NamedLabel:
    texts = ("label", "measure")
    numbers = [f.name for f in fields(NamedLabel) if f.name not in texts]
    known = {n: None if words[n] is None else float(words[n]) for n in numbers}
    return NamedLabel(**{name: str(words[name]) for name in texts}, **known)  # type: ignore[arg-type]


def _causes(words: Mapping[str, Any]) -> dict[int, ChannelCause]:
    return {
        int(channel): ChannelCause(str(each["label"]), CausalCheck(**each["check"]))
        for channel, each in words["causes"].items()
    }
