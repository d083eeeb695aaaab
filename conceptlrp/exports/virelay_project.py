"""A project for ViRelAy, which shows positions as points and clusters of them.

Shapes use N positions, A actions, n x n squares and P x P pixels. The files are as
ViRelAy 0.6.1 reads them, which differs from its printed specification: clusterings
and embeddings are datasets rather than groups, every top-level group of an analysis
is a category, and a row of the attributions belongs to the same row of the dataset
where there is no index. It takes the names of clusterings and embeddings from the
first category of an analysis, so every category has all of them.
"""

import os
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml
from numpy.typing import ArrayLike, NDArray

from conceptlrp import jsontext
from conceptlrp.clustering.features import position_features
from conceptlrp.clustering.positions import plane_embedding
from conceptlrp.exports.extract import Extract, Selection, export_folder, extract
from conceptlrp.files import file_stem
from conceptlrp.networks.planes import (
    actions_of_squares,
    bits,
    crop,
    squares_of_actions,
)
from conceptlrp.othello import BLACK, NO_MOVE, Corpus
from conceptlrp.report.words.relevance import relevance_of
from conceptlrp.staging import check_room
from conceptlrp.store.reader import AnyStore

#: Positions of a project, where nothing else is asked for.
N_POSITIONS = 10_000

# Pictures that are drawn at a time.
_DRAWN = 256
_DATASET, _ATTRIBUTION = "dataset.h5", "attribution.h5"
_LABELS, _PROJECT = "label-map.json", "project.yaml"

# A button each: more than this nobody can press.
_MOST_VALUES = 64

Arrays = Mapping[str, NDArray[Any]]


def virelay(
    store: AnyStore,
    out: str | os.PathLike[str],
    chosen: Selection | None = None,
    *,
    overwrite: bool = False,
) -> Path:
    """Write a project that ``virelay out/project.yaml`` opens.

    Its samples are boards, its attributions the heatmaps of the explained output,
    each square as large as on the board. A layer is a category of two analyses:
    "clusters" has the store's clustering of each layer that has one, "positions"
    has phase, mover and labels as clusterings, of every layer. Both lay positions
    out by the principal components of the layer's shares; "clusters" also as the
    clustering did. ViRelAy counts clusters from 1 and calls noise cluster 0.

    Parameters
    ----------
    store, out, chosen, overwrite
        As for `parquet`, but by default of 10,000 positions, as ViRelAy loads an
        analysis whole, 100,000 positions being 9 MB.

    Returns
    -------
    Path
        The folder.
    """
    found = extract(store, chosen or Selection(n_positions=N_POSITIONS))
    with export_folder(out, found, "virelay", overwrite=overwrite) as folder:
        _write_samples(folder / _DATASET, found)
        _write_attributions(folder / _ATTRIBUTION, found)
        analyses = {"positions": _write_positions(folder, found)}
        if any(layer in found.layers for layer in found.results.clusterings):
            analyses = {"clusters": _write_clusters(folder, found), **analyses}
        text = jsontext.dumps(_label_map(found), indent=True)
        (folder / _LABELS).write_bytes(text + b"\n")
        project = {"project": _project(found, analyses)}
        text = yaml.safe_dump(project, sort_keys=False, allow_unicode=True).encode()
        (folder / _PROJECT).write_bytes(text)
    return Path(out)


def _project(chosen: Extract, analyses: dict[str, str]) -> dict[str, Any]:
    network = str(chosen.store.manifest.network.get("name", "network"))
    return {
        "name": f"{network}, {chosen.target}, {len(chosen)} positions",
        "model": network,
        "label_map": _LABELS,
        "dataset": {"name": "Othello positions", "type": "hdf5", "path": _DATASET},
        "attributions": {
            "attribution_method": relevance_of(chosen.store.manifest.plan),
            "attribution_strategy": "predicted_label",
            "sources": [_ATTRIBUTION],
        },
        "analyses": [
            {"analysis_method": name, "sources": [file]}
            for name, file in analyses.items()
        ],
    }


def _label_map(chosen: Extract) -> list[dict[str, Any]]:
    """Name the layers, which are categories, and the actions, which are labels."""
    store = chosen.store
    size = store.positions.size
    moves = store.columns.metadata.moves(
        squares_of_actions(range(size**2 + 1), size=size)
    )
    names = [*moves.tolist(), chosen.target]
    actions = [
        {"index": action, "word_net_id": f"action {action}", "name": name}
        for action, name in enumerate(names)
    ]
    layers = [
        {
            "index": len(names) + number,
            "word_net_id": file_stem(layer),
            "name": f"{layer} ({store.channels(layer)} channels)",
        }
        for number, layer in enumerate(chosen.layers)
    ]
    return [*layers, *actions]


def _labels(chosen: Extract) -> NDArray[np.uint16]:
    """Return the action that is explained of every position; outputs have the last."""
    squares = chosen.store.arrays.explained_square(
        rows=chosen.rows, target=chosen.target
    )
    size = chosen.store.positions.size
    actions = actions_of_squares(squares, size=size)
    return np.where(actions < 0, size**2 + 1, actions).astype(np.uint16)


def _write_samples(path: Path, chosen: Extract) -> None:
    corpus = chosen.store.positions
    with h5py.File(path, "w") as file:
        file["label"] = _labels(chosen)
        _write_pictures(
            file, "data", np.uint8, chosen, lambda rows: board_pictures(corpus[rows])
        )


def _write_attributions(path: Path, chosen: Extract) -> None:
    store = chosen.store

    def pictures(rows: NDArray[np.int64]) -> NDArray[np.float32]:
        # Three channels, which ViRelAy adds up, are what it can draw.
        found = np.zeros((len(rows), 3, PIXELS, PIXELS), np.float32)
        found[:, 0] = enlarged(store.arrays.heatmap(rows=rows, target=chosen.target))
        return found

    with h5py.File(path, "w") as file:
        file["label"] = _labels(chosen)
        file["prediction"] = store.arrays.logits(rows=chosen.rows)
        _write_pictures(file, "attribution", np.float32, chosen, pictures)


def _write_pictures(
    file: h5py.File,
    name: str,
    dtype: Any,
    chosen: Extract,
    draw: Callable[[NDArray[np.int64]], NDArray[Any]],
) -> None:
    shape = (3, PIXELS, PIXELS)
    # gzip is the one packing that every h5py can undo.
    packing = {"chunks": (1, *shape), "compression": "gzip", "compression_opts": 1}
    written = file.create_dataset(name, (len(chosen), *shape), dtype, **packing)
    place = Path(file.filename)
    for block in chosen.blocks("pictures", _DRAWN):
        pictures = draw(chosen.rows[block])
        check_room(place, pictures.nbytes)
        written[block] = pictures


def _write_clusters(folder: Path, chosen: Extract) -> str:
    """Write the clusterings of the store and return the name of the file."""
    found = {n: c for n, c in chosen.results.clusterings.items() if n in chosen.layers}
    is_laid_out = all(each.embedding is not None for each in found.values())
    name = "analysis-clusters.h5"
    with h5py.File(folder / name, "w") as file:
        for layer, clustering in found.items():
            here, there = chosen.placed(clustering)
            layouts = {"pca": _components(chosen, layer, here)}
            if is_laid_out and clustering.embedding is not None:
                layouts["as clustered"] = clustering.embedding[there]
            clusters = {"clusters": clustering.labels[there]}
            category = _write_category(file, layer, here, clusters, layouts)
            category.attrs["method"] = clustering.method
    return name


def _write_positions(folder: Path, chosen: Extract) -> str:
    """Write what is known of positions as clusterings; return the file's name."""
    store, rows = chosen.store, chosen.rows
    clusters: dict[str, NDArray[Any]] = {
        "phase": store.columns.metadata.phase(rows).astype(np.int32),
        "mover": store.positions.mover[rows].astype(np.int32),
    }
    for label in store.columns.label_names:
        column = store.columns.label(label)[rows]
        if column.dtype.kind != "f" and len(np.unique(column)) <= _MOST_VALUES:
            clusters[label] = column.astype(np.int32)
    name = "analysis-positions.h5"
    with h5py.File(folder / name, "w") as file:
        for layer in chosen.layers:
            everyone = np.arange(len(chosen))
            layouts = {"pca": _components(chosen, layer, everyone)}
            _write_category(file, layer, everyone, clusters, layouts)
    return name


def _components(
    chosen: Extract, layer: str, here: NDArray[np.intp]
) -> NDArray[np.float32]:
    rows = chosen.rows[here]
    features = position_features(chosen.store, layer, target=chosen.target, rows=rows)
    return plane_embedding(features, kind="pca")


def _write_category(
    file: h5py.File,
    layer: str,
    here: NDArray[np.intp],
    clusters: Arrays,
    layouts: Arrays,
) -> h5py.Group:
    category = file.create_group(file_stem(layer))
    category["index"] = here.astype(np.uint32)
    for name, numbers in clusters.items():
        category[f"cluster/{name}"] = numbers
    for name, layout in layouts.items():
        category[f"embedding/{name}"] = layout
    return category


#: Width and height of a picture.
PIXELS = 128

Color = tuple[int, int, int]

_FELT, _LINE = (0xC9, 0xD8, 0xCC), (0x8A, 0x99, 0x8D)
_BLACK, _WHITE = (0, 0, 0), (255, 255, 255)
# Radii in squares: the rim under a disc, the disc, the dot on the last move.
_RIM, _DISC, _DOT = 0.41, 0.37, 0.1
# Points that are looked at in each pixel, along either axis.
_FINE = 8


def board_pictures(positions: Corpus) -> NDArray[np.uint8]:
    """Draw positions (N, 3, P, P) in RGB, first rank on top and last moves dotted."""
    n, size = len(positions), positions.size
    tiles = _tiles(PIXELS // size)[_tile_numbers(positions)]
    boards = tiles.transpose(0, 5, 1, 3, 2, 4).reshape(n, 3, size * tiles.shape[3], -1)
    pictures = np.empty((n, 3, PIXELS, PIXELS), np.uint8)
    pictures[:] = np.array(_FELT, np.uint8)[:, None, None]
    pictures[..., _middle(boards), _middle(boards)] = boards
    return pictures


def enlarged(maps: ArrayLike) -> NDArray[np.float32]:
    """Enlarge maps (N, n, n) as `board_pictures`, zero beside the board: (N, P, P)."""
    values = np.asarray(maps, np.float32)
    side = PIXELS // values.shape[-1]
    boards = values.repeat(side, axis=1).repeat(side, axis=2)
    pictures = np.zeros((len(values), PIXELS, PIXELS), np.float32)
    pictures[..., _middle(boards), _middle(boards)] = boards
    return pictures


def _middle(boards: NDArray[np.generic]) -> slice:
    edge = (PIXELS - boards.shape[-1]) // 2
    return slice(edge, edge + boards.shape[-1])


def _tile_numbers(positions: Corpus) -> NDArray[np.int64]:
    """Return the number of each square's tile, of shape (N, n, n)."""
    own, opponent = (
        crop(bits(words), size=positions.size)[:, 0].astype(np.int64)
        for words in (positions.own, positions.opponent)
    )
    is_black = (positions.mover == BLACK)[:, None, None]
    black = np.where(is_black, own, opponent)
    white = np.where(is_black, opponent, own)
    last = np.array([positions.position(i).last for i in range(len(positions))])
    words = np.where(last == NO_MOVE, 0, 1 << np.maximum(last, 0).astype(np.uint64))
    dotted = crop(bits(words), size=positions.size)[:, 0]
    numbers: NDArray[np.int64] = black + 2 * white + 2 * dotted * (black + white)
    return numbers


@cache
def _tiles(side: int) -> NDArray[np.uint8]:
    """Draw an empty square, discs and dotted discs, of shape (5, side, side, 3)."""
    black, white = [(_RIM, _BLACK)], [(_RIM, _BLACK), (_DISC, _WHITE)]
    rings = [[], black, white, [*black, (_DOT, _WHITE)], [*white, (_DOT, _BLACK)]]
    return np.stack([_tile(side, each) for each in rings])


def _tile(side: int, rings: list[tuple[float, Color]]) -> NDArray[np.uint8]:
    points = (np.arange(side * _FINE) + 0.5) / (side * _FINE) - 0.5
    distance = np.hypot(points[:, None], points)
    fine = np.empty((*distance.shape, 3))
    fine[:] = _FELT
    fine[:_FINE] = fine[:, :_FINE] = _LINE
    for radius, color in rings:
        fine[distance < radius] = color
    mixed = fine.reshape(side, _FINE, side, _FINE, 3).mean(axis=(1, 3))
    tile: NDArray[np.uint8] = np.rint(mixed).astype(np.uint8)
    return tile
