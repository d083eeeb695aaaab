"""Which positions of a store get a page of their own.

Shapes use C channels and k reference boards of each.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from conceptlrp.atlas.site import cluster_page
from conceptlrp.clustering import Clustering
from conceptlrp.report.wording import plural
from conceptlrp.store import Store

__all__ = ["ChosenPosition", "choose_positions"]

# Reference boards of every channel that are looked at.
_REFERENCES = 8


@dataclass(frozen=True)
class ChosenPosition:
    """A position that gets a page.

    Attributes
    ----------
    row : int
        Row of the store.
    reasons : tuple of (str, str or None)
        Why, and the address of the page that this refers to.
    """

    row: int
    reasons: tuple[tuple[str, str | None], ...]


def choose_positions(
    store: Store,
    clusterings: Mapping[str, Clustering],
    *,
    target: int | str = 0,
    limit: int = 100,
) -> tuple[ChosenPosition, ...]:
    """Choose the middle of every cluster and the boards that most channels share.

    Returns: by ascending row.
    """
    reasons: dict[int, list[tuple[str, str | None]]] = {}
    for row, text, href in (*_medoids(clusterings), *_shared(store, target)):
        if row in reasons or len(reasons) < limit:
            reasons.setdefault(row, []).append((text, href))
    return tuple(ChosenPosition(row, tuple(reasons[row])) for row in sorted(reasons))


def _medoids(
    clusterings: Mapping[str, Clustering],
) -> Iterator[tuple[int, str, str | None]]:
    for layer, clustering in clusterings.items():
        for number, rows in enumerate(clustering.typical(1)):
            for row in rows.tolist():
                text = f"nearest to the centre of cluster {number} of {layer}"
                yield int(row), text, cluster_page(layer, number)


def _shared(store: Store, target: int | str) -> Iterator[tuple[int, str, None]]:
    """Yield the boards that several channels have as reference, most channels first."""
    counts: Counter[int] = Counter()
    for layer in store.layers:
        table = store.references(layer, "share-top", target=target)
        if table is not None:
            best = table.rows[:, :_REFERENCES]
            counts.update(best[best >= 0].tolist())
    for row, channels in sorted(counts.items(), key=lambda each: (-each[1], each[0])):
        if channels > 1:
            text = f"among the {_REFERENCES} most relevant boards of "
            yield int(row), text + plural(channels, "channel"), None
