"""Runs beside scanpy: Polars and DuckDB read exported tables.

Usage: ``python tables_worker.py FOLDER``; prints JSON.
"""

import json
import sys

import duckdb
import polars as pl

folder = sys.argv[1]
relevance = pl.scan_parquet(f"{folder}/relevance-conv1.parquet")
positions = pl.scan_parquet(f"{folder}/positions.parquet")
joined = relevance.select("row", "c0001").join(positions, on="row")
by_mover = joined.group_by("mover").agg(pl.col("c0001").cast(pl.Float64).sum())
query = f"""
    select mover, sum(c0001::double) from '{folder}/relevance-conv1.parquet'
    join '{folder}/positions.parquet' using (row) group by mover
"""
long = relevance.unpivot(index="row", variable_name="channel", value_name="relevance")
answer = {
    "polars": pl.__version__,
    "duckdb": duckdb.__version__,
    "by polars": dict(by_mover.collect().iter_rows()),
    "by duckdb": dict(duckdb.sql(query).fetchall()),
    "long": list(long.collect().shape),
    "black": positions.select("black").collect()["black"].to_list(),
}
print(json.dumps(answer))
