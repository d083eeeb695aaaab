"""Relevance of a corpus on disk: layout, runs, reader and rankings."""

from conceptlrp.store.board_statistics import (
    REGIONS,
    WORD_BITS,
    BoardStatistics,
    from_words,
)
from conceptlrp.store.check import Problem, StoreCheck, check_store
from conceptlrp.store.derived import check_origin, derived_file, save_derived
from conceptlrp.store.finish import finish_run, has_references
from conceptlrp.store.info import StoreInfo, store_info
from conceptlrp.store.lock import run_lock
from conceptlrp.store.manifest import FileEntry, Manifest, Part, ShardSpec
from conceptlrp.store.metadata import COLUMNS, Metadata
from conceptlrp.store.nearest import METRICS
from conceptlrp.store.plan import Plan
from conceptlrp.store.ranking import CHANNEL_SCORES, Ranking, top_rows
from conceptlrp.store.reader import Store, open_store
from conceptlrp.store.receipts import Receipt
from conceptlrp.store.reference_table import ReferenceTable
from conceptlrp.store.repack import repack_store
from conceptlrp.store.schema import REFERENCE_KINDS
from conceptlrp.store.shard_writer import (
    pending,
    pending_blocks,
    read_blocks,
    shards_of,
    write_block,
    write_shard,
)
from conceptlrp.store.tables import Table, encode_tables, read_tables
from conceptlrp.store.tops import ChannelRanking
from conceptlrp.store.where import Where
from conceptlrp.store.writer import (
    append_run,
    create_run,
    read_corpus,
    read_plan,
    resume_run,
)

__all__ = [
    "CHANNEL_SCORES",
    "COLUMNS",
    "METRICS",
    "REFERENCE_KINDS",
    "REGIONS",
    "WORD_BITS",
    "BoardStatistics",
    "ChannelRanking",
    "FileEntry",
    "Manifest",
    "Metadata",
    "Part",
    "Plan",
    "Problem",
    "Ranking",
    "Receipt",
    "ReferenceTable",
    "ShardSpec",
    "Store",
    "StoreCheck",
    "StoreInfo",
    "Table",
    "Where",
    "append_run",
    "check_origin",
    "check_store",
    "create_run",
    "derived_file",
    "encode_tables",
    "finish_run",
    "from_words",
    "has_references",
    "open_store",
    "pending",
    "pending_blocks",
    "read_blocks",
    "read_corpus",
    "read_plan",
    "read_tables",
    "repack_store",
    "resume_run",
    "run_lock",
    "save_derived",
    "shards_of",
    "store_info",
    "top_rows",
    "write_block",
    "write_shard",
]
