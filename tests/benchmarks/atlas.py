"""Time and weight of an atlas of 2,048 channels.

    python tests/benchmarks/atlas.py [--quick] [--workers 2]

Makes a store of random numbers, 8 layers of 256 channels with eight reference boards
each, builds its atlas from nothing, by processes, and again over itself, and one file
of one layer; weighs them, and searches the first page in chromium, if there is one.
Seconds of processor time are of this process, without those that it starts.
"""

import argparse
import gzip
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conceptlrp.atlas import build_atlas, build_single_file
from conceptlrp.store import Store
from tests.atlas.conftest import write_store

KEYS = "conv c12 trunk"


def make_store(path: Path, *, layers: int, channels: int, games: int) -> Store:
    names = {f"trunk/{number}": channels for number in range(layers)}
    players = ("Ada", "Brian", "Chris")
    return write_store(path, games=games, layers=names, players=players, kept=8)


@contextmanager
def timed(name: str) -> Iterator[None]:
    start, processor = time.perf_counter(), time.process_time()
    yield
    wall, used = time.perf_counter() - start, time.process_time() - processor
    print(f"{name:<34}{wall:8.1f} s   {used:8.1f} s of processor time here")


def show_weights(atlas: Path) -> None:
    for kind in ("concepts", "layers", "index.html", "index.js", "atlas.js", "home.js"):
        found = (
            [atlas / kind] if "." in kind else sorted((atlas / kind).rglob("*.html"))
        )
        raw = [path.stat().st_size for path in found]
        packed = [len(gzip.compress(path.read_bytes(), mtime=0)) for path in found[:64]]
        middle, largest = statistics.median(raw) / 1e3, max(raw) / 1e3
        print(
            f"{kind:<12}{len(found):6} files   median {middle:7.1f} KB, largest "
            f"{largest:7.1f} KB; gzipped median "
            f"{statistics.median(packed) / 1e3:.1f} KB"
        )
    files = [path for path in atlas.rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    largest = max(path.stat().st_size for path in atlas.rglob("*.html"))
    home = sum((atlas / name).stat().st_size for name in ("index.html", "index.js"))
    print(
        f"{total / 1e6:.1f} MB in {len(files)} files; largest page "
        f"{largest / 1e3:.0f} KB; home (index.html and index.js) {home / 1e3:.0f} KB"
    )


def show_search(atlas: Path) -> None:
    """Time from a key to the gallery and map drawn anew, in chromium."""
    import shutil

    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    if path is None:
        print("no chromium, no time of the search")
        return
    script = """async (keys) => {
        const field = document.querySelector('[name=q]'), times = [];
        for (const key of keys) {
            field.value += key;
            const start = performance.now();
            field.dispatchEvent(new Event('input', {bubbles: true}));
            document.body.offsetHeight;
            times.push(performance.now() - start);
            await new Promise((done) => setTimeout(done, 20));
        }
        return times;
    }"""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        page = browser.new_page()
        start = time.perf_counter()
        page.goto((atlas / "index.html").as_uri())
        page.wait_for_selector("#tiles .bd.drawn")
        print(f"first page shown after {1e3 * (time.perf_counter() - start):.0f} ms")
        times = [page.evaluate(script, KEYS)[place] for place in range(len(KEYS))]
        browser.close()
    print(f"a key: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    layers, channels, games = (2, 32, 10) if options.quick else (8, 256, 60)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        store = make_store(
            at / "run.crp", layers=layers, channels=channels, games=games
        )
        total = sum(store.channels(layer) for layer in store.layers)
        print(f"{total} channels, {len(store)} positions")
        with timed("one process"):
            atlas = build_atlas(store, at / "one")
        with timed(f"{options.workers} processes"):
            other = build_atlas(store, at / "more", workers=options.workers)
        with timed("again, nothing changed"):
            build_atlas(store, at / "more", workers=options.workers, overwrite=True)
        alone = make_store(at / "one.crp", layers=1, channels=channels, games=games)
        with timed(f"one file of {channels} channels"):
            single = build_single_file(alone, at / "one.html")
        print(f"one file: {single.stat().st_size / 1e6:.2f} MB")
        same = all(
            path.read_bytes() == (other / path.relative_to(atlas)).read_bytes()
            for path in atlas.rglob("*")
            if path.is_file()
        )
        print(f"same bytes: {same}")
        show_weights(atlas)
        show_search(atlas)


if __name__ == "__main__":
    main()
