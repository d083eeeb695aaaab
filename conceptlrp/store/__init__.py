"""Relevance of a corpus on disk: layout, writer, reader and rankings."""

from conceptlrp.store.ranking import CHANNEL_SCORES, Ranking, top_rows
from conceptlrp.store.reader import Store, open_store
from conceptlrp.store.reference_table import ReferenceTable
from conceptlrp.store.schema import REFERENCE_KINDS, Manifest
from conceptlrp.store.writer import StoreWriter

__all__ = [
    "CHANNEL_SCORES",
    "REFERENCE_KINDS",
    "Manifest",
    "Ranking",
    "ReferenceTable",
    "Store",
    "StoreWriter",
    "open_store",
    "top_rows",
]
