from .arrays import BoardStatistics as BoardStatistics, ReferenceTable as ReferenceTable
from .check import (
    StoreCheck as StoreCheck,
    StoreInfo as StoreInfo,
    check_store as check_store,
    store_info as store_info,
)
from .format.manifest import Manifest as Manifest
from .format.plan import Plan as Plan
from .metadata import COLUMNS as COLUMNS, Where as Where
from .ranking import ChannelRanking as ChannelRanking, Ranking as Ranking
from .reader import Store as Store, open_store as open_store
from .writing.repack import repack_store as repack_store

__all__ = [
    "COLUMNS",
    "BoardStatistics",
    "ChannelRanking",
    "Manifest",
    "Plan",
    "Ranking",
    "ReferenceTable",
    "Store",
    "StoreCheck",
    "StoreInfo",
    "Where",
    "check_store",
    "open_store",
    "repack_store",
    "store_info",
]
