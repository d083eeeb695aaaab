"""Every export opened in its real program; time and peak memory of writing it.

Usage: ``python tests/benchmarks/exports.py [--quick] [--store STORE]``. Without a
store, one of demo positions is made first. ViRelAy, scanpy, Polars and DuckDB run
in environments of their own, which the first run makes and later ones use again.
The second table writes random stores of 256 channels, each export in a process of
its own, so that its peak memory is its own.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp import exports
from conceptlrp.clustering import cluster
from conceptlrp.concept_graph import mean_concept_graph
from conceptlrp.lrp import Explainer
from conceptlrp.networks import demo_corpus, demo_network
from conceptlrp.runs import attribute_corpus
from conceptlrp.store import Store, open_store
from tests.benchmarks.report import machine
from tests.benchmarks.store_queries import write_store
from tests.exports.programs import (
    VIRELAY,
    run_python,
    scanpy_python,
    virelay_python,
    virelay_server,
)

WORKERS = Path(__file__).parent


@dataclass(frozen=True)
class Opened:
    """What a program made of an export.

    Attributes
    ----------
    export, program : str
        What was written, and what opened it, with its version.
    checked : str
        What was found there.
    """

    export: str
    program: str
    checked: str


def demo_store(folder: Path, n: int) -> Store:
    """Explain positions of the corpus that ships, cluster them, add a graph."""
    network = demo_network()
    corpus = demo_corpus().unique(symmetry=True).sample(n, seed=0)
    store = attribute_corpus(network, corpus, folder / "run.crp", targets=["played"])
    for layer in store.layers:
        cluster(store, layer)
    few = corpus.sample(min(n, 200), seed=0)
    explainer = Explainer(network, composite=store.manifest.composite["name"])
    store.results.save(mean_concept_graph(explainer, few, targets=store.targets))
    return open_store(store.path)


def opened_exports(store: Store, folder: Path) -> Iterator[Opened]:
    """Write each export and open it in its program."""
    yield _virelay(store, folder)
    yield from _anndata(store, folder)
    yield from _tables(store, folder)
    yield _json(store, folder)
    yield from _graphs(store, folder)
    yield _npz(store, folder)


def _virelay(store: Store, folder: Path) -> Opened:
    out = exports.virelay(store, folder / "virelay")
    answered = 0
    with virelay_server(virelay_python(), out / "project.yaml") as server:
        project = server.json("/api/projects/0")
        for method in project["analysisMethods"]:
            for category in method["categories"]:
                found = server.json(
                    f"/api/projects/0/analyses/{method['name']}",
                    category=category["name"],
                    clustering=method["clusterings"][0],
                    embedding=method["embeddings"][0],
                )
                answered += len(found["embedding"])
        drawn = 0
        for mode in ("input", "overlay", "attribution"):
            query = {"indices": "0,1,2", "imageMode": mode}
            for each in server.json("/api/projects/0/attributions", **query):
                for url in each["urls"].values():
                    drawn += Image.open(BytesIO(server.get(url))).size == (128, 128)
    methods = [each["name"] for each in project["analysisMethods"]]
    checked = f"analyses {methods}: {answered:,} points; {drawn} pictures drawn"
    return Opened("virelay", f"ViRelAy {VIRELAY}", checked)


def _anndata(store: Store, folder: Path) -> Iterator[Opened]:
    import anndata

    layer = store.layers[-1]
    path = exports.h5ad(store, folder / "layer.h5ad", layer)
    found = anndata.read_h5ad(path)
    same = np.array_equal(found.X, store.arrays.relevance(layer))
    backed = anndata.read_h5ad(path, backed="r")
    rows = bool((backed.X[:9] == store.arrays.relevance(layer, rows=range(9))).all())
    checked = f"X {found.shape} equal: {same}; backed equal: {rows}"
    yield Opened("h5ad", f"anndata {version('anndata')}", checked)
    answer = json.loads(
        run_python(scanpy_python(), WORKERS / "scanpy_worker.py", path, 1)
    )
    program = f"scanpy {answer['scanpy']}, anndata {answer['anndata']}"
    checked = (
        f"neighbors, Leiden: {len(answer['groups'])} groups of {answer['groups']}; "
        f"first marker of each: {answer['markers']}"
    )
    yield Opened("h5ad", program, checked)


def _tables(store: Store, folder: Path) -> Iterator[Opened]:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    layer = store.layers[0]
    expected = store.arrays.relevance(layer)
    for kind, read in (("parquet", pd.read_parquet), ("csv", pd.read_csv)):
        out = getattr(exports, kind)(store, folder / kind)
        found = read(out / f"relevance-{layer}.{kind}").set_index("row")
        same = bool((found.to_numpy(np.float32) == expected).all())
        names = sorted(path.stem for path in out.glob(f"*.{kind}"))
        checked = f"{layer} equal: {same}; tables {', '.join(names)}"
        yield Opened(kind, f"pandas {pd.__version__}", checked)
    column = pq.read_table(out.parent / "parquet" / f"relevance-{layer}.parquet")
    same = bool((column["c0001"].to_numpy() == expected[:, 1]).all())
    yield Opened("parquet", f"pyarrow {pa.__version__}", f"one channel equal: {same}")
    if layer == "conv1":
        worker = WORKERS / "tables_worker.py"
        answer = json.loads(run_python(scanpy_python(), worker, folder / "parquet"))
        program = f"Polars {answer['polars']}, DuckDB {answer['duckdb']}"
        polars, duckdb = answer["by polars"], answer["by duckdb"]
        same = all(np.isclose(polars[side], duckdb[side]) for side in polars)
        checked = f"join with positions, sum by mover alike: {same}"
        yield Opened("parquet", program, checked)


def _json(store: Store, folder: Path) -> Opened:
    out = exports.json(store, folder / "json")
    files = [json.loads(path.read_text()) for path in out.glob("concepts/*/*.json")]
    lines = (out / "features.jsonl").read_text().splitlines()
    boards = sum(len(json.loads(line)["activations"]) for line in lines)
    checked = f"{len(files)} reports, {len(lines)} lines with {boards:,} boards"
    return Opened("json", "json of Python", checked)


def _graphs(store: Store, folder: Path) -> Iterator[Opened]:
    import networkx as nx

    path = exports.graphml(store, folder / "graph.graphml")
    found = nx.read_graphml(path)
    text = exports.node_link(store, folder / "graph.json")
    linked = nx.node_link_graph(json.loads(text.read_text()), edges="edges")
    is_acyclic = nx.is_directed_acyclic_graph(found)
    checked = f"{len(found)} nodes, {found.size()} edges, acyclic: {is_acyclic}"
    yield Opened("graphml", f"networkx {nx.__version__}", checked)
    same = set(linked.edges) == set(found.edges)
    yield Opened("node-link", f"networkx {nx.__version__}", f"same edges: {same}")


def _npz(store: Store, folder: Path) -> Opened:
    path = exports.npz(store, folder / "arrays.npz")
    layer = store.layers[0]
    with np.load(path, allow_pickle=False) as found:
        same = bool(
            (found[f"relevance.{layer}"] == store.arrays.relevance(layer)).all()
        )
        checked = f"{len(found.files)} arrays, {layer} equal: {same}"
    return Opened("npz", f"numpy {np.__version__}", checked)


WRITERS: dict[str, Callable[[Store, Path], Any]] = {
    "nothing": lambda store, _: store.positions,
    "npz": exports.npz,
    "h5ad": lambda store, out: exports.h5ad(store, out, store.layers[0]),
    "parquet": exports.parquet,
    "csv": exports.csv,
    "virelay": exports.virelay,
}


def write_one(kind: str, path: Path, out: Path) -> dict[str, float]:
    """Write one export; run in a process of its own."""
    store = open_store(path)
    start = time.perf_counter(), time.process_time()
    WRITERS[kind](store, out)
    return {
        "seconds": time.perf_counter() - start[0],
        "CPU": time.process_time() - start[1],
        "peak": _peak(),
    }


def _peak() -> float:
    """Return the peak of this program alone in MiB, which getrusage does not."""
    status = Path("/proc/self/status").read_text()
    return int(re.findall(r"VmHWM:\s+(\d+) kB", status)[0]) / 1024


def scale_table(sizes: list[int], folder: Path) -> Table:
    """Write random stores of some sizes in every format."""
    table = Table("export", "positions", "seconds", "of CPU", "peak MiB", "MB written")
    for n in sizes:
        path = folder / f"{n}.crp"
        write_store(path, n)
        for kind in WRITERS:
            out = folder / f"{n} {kind}"
            words = [sys.executable, __file__, "--one", kind, str(path), str(out)]
            done = subprocess.run(words, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout)
            files = [out] if out.is_file() else out.rglob("*.*")
            size = sum(file.stat().st_size for file in files)
            numbers = (found["seconds"], found["CPU"], found["peak"])
            cells = [f"{number:,.1f}" for number in numbers]
            table.add_row(kind, f"{n:,}", *cells, f"{size / 1e6:,.0f}")
    return table


def main() -> None:
    """Parse the command line, write, open, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="few positions")
    parser.add_argument("--store", type=Path, help="store to export in the first table")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one is not None:
        kind, path, out = options.one
        print(json.dumps(write_one(kind, Path(path), Path(out))))
        return
    console = Console(width=160)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if options.store is not None:
            store = open_store(options.store)
        else:
            store = demo_store(folder, 500 if options.quick else 4000)
        table = Table("export", "opened in", "found there")
        for each in opened_exports(store, folder):
            table.add_row(each.export, each.program, each.checked)
        console.print(repr(store), table)
        sizes = [2_000, 10_000] if options.quick else [20_000, 100_000]
        console.print(scale_table(sizes, folder))


if __name__ == "__main__":
    main()
