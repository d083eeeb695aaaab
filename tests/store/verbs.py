"""Every verb that writes, on systems that fail: what is there afterwards.

What a verb writes is written twice, an old output and then a new one in its place. The
second time a call of the system fails, or the process dies at one. Then the old output
or the new one has to be there, whole; and the same verb again, in another process, has
to leave the new one and nothing hidden beside it.
"""

import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import matplotlib.pyplot as plt
import torch

from conceptlrp import exports, figures
from conceptlrp.atlas import build_atlas
from conceptlrp.atlas.build import build_single_file
from conceptlrp.cli.channels.graph import GRAPH_MARK, exported
from conceptlrp.cli.channels.report import _write as write_reports
from conceptlrp.concept_graph import MeanConceptGraph
from conceptlrp.concept_graph.mean_graph import node_link
from conceptlrp.errors import ConceptLRPError, FileFormatError, OutputExistsError
from conceptlrp.files import unfinished_name, write_whole
from conceptlrp.networks import OthelloNet, load_network, network_digest, save_network
from conceptlrp.othello import Corpus, write_transcripts
from conceptlrp.report import channel_report
from conceptlrp.selfplay import (
    RunFolder,
    SelfPlayOptions,
    TrainingOptions,
    TrainingSet,
    self_play,
    strength,
    strength_card,
    train,
)
from conceptlrp.staging import clear_leftovers, staged_folder
from conceptlrp.store import Store, check_store, open_store
from conceptlrp.store.format.manifest import read_manifest
from conceptlrp.store.writing.repack import repack_store
from tests.atlas.conftest import write_store
from tests.exports.conftest import dress
from tests.selfplay.toys import positions
from tests.store.faults import (
    CALLS,
    Killed,
    SmallRun,
    System,
    another_process,
    failures,
)
from tests.store.results.samples import SAMPLES

View = Mapping[str, bytes]
Write = Callable[[Path, int], object]


@dataclass(frozen=True)
class Verb:
    """Writes an output of one of two versions in the place of what is there.

    Attributes
    ----------
    name : str
        Verb, and what of it.
    write : callable
        Called with the place and 0 or 1.
    ending : str
        What the place is called.
    keeps : str
        What a failure has to leave: the "whole" old or new output; each "file" of it
        whole, old or new; or at least a place that the next run does "again".
    is_store : bool
        Whether it is written into a store.
    """

    name: str
    write: Write
    ending: str = ""
    keeps: str = "whole"
    is_store: bool = False


@dataclass
class Outcome:
    """How often a verb was failed, and what was wrong then."""

    verb: str
    what: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)


#: Kind of failure: where it strikes, the error, and what the file system lacks.
FAULTS: dict[str, tuple[str, int, str]] = {
    "killed before a call": ("before", 0, ""),
    "killed within a write": ("within", 0, ""),
    "killed after a call": ("after", 0, ""),
    "killed after, no exchange": ("after", 0, "exchange"),
    "disk full": ("error", errno.ENOSPC, ""),
    "I/O error": ("error", errno.EIO, ""),
    "quota": ("error", errno.EDQUOT, ""),
}
#: File systems on which nothing fails, but some calls do not exist.
LACKING = ("folders", "links", "exchange")


def view(verb: Verb, place: Path) -> View | None:
    """Return the content of an output, None where there is none."""
    if verb.is_store:
        found = check_store(place)
        if not found.is_good:
            return {"problem": str(found.problems).encode()}
        files = ["manifest.json", *read_manifest(place).files]
        return {name: (place / name).read_bytes() for name in files}
    if place.suffix == ".safetensors" and place.is_file():
        # The names of its tensors come in any order.
        return {"": _network(place)}
    if place.is_file():
        return {"": place.read_bytes()}
    if not place.is_dir():
        return None
    return {
        path.relative_to(place).as_posix(): path.read_bytes()
        for path in place.rglob("*")
        if path.is_file() and unfinished_name(path.name) is None
    }


def _network(path: Path) -> bytes:
    try:
        return network_digest(load_network(path)).encode()
    except ConceptLRPError as error:
        return str(error).encode()


class Trial:
    """Fails one verb again and again in a folder of its own."""

    def __init__(self, verb: Verb, folder: Path, store: Path) -> None:
        self.verb, self.folder = verb, folder
        self.place = folder / f"out{verb.ending}"
        self.former = folder.with_name(f"{folder.name}-former")
        if verb.is_store:
            shutil.copytree(store, self.place)
        verb.write(self.place, 0)
        shutil.copytree(folder, self.former)
        self.old = view(verb, self.place)
        verb.write(self.place, 1)
        self.new = view(verb, self.place)
        assert self.old != self.new, f"{verb.name}: two versions are alike"

    def run(self, what: str, *, step: int = 1, most: int = 10_000) -> Outcome:
        """Fail at every `step`-th call, `most` times at most."""
        fault, code, lacks = FAULTS[what]
        outcome = Outcome(self.verb.name, what)
        only = ("write",) if fault == "within" else CALLS
        options: dict[str, Any] = {"code": code, "only": only, "lacks": lacks}
        for system in failures(fault, step=step, **options):
            outcome.tried += 1
            problem = self._fail(system)
            if problem:
                outcome.wrong.append(f"call {system.at}: {problem}")
            if outcome.tried == most:
                break
        return outcome

    def lack(self, what: str) -> Outcome:
        """Write on a file system that lacks something."""
        outcome = Outcome(self.verb.name, f"no {what}", tried=1)
        problem = self._fail(System(lacks=what))
        if problem or view(self.verb, self.place) != self.new:
            outcome.wrong.append(problem or "is not written")
        return outcome

    def _fail(self, system: System) -> str:
        shutil.rmtree(self.folder)
        shutil.copytree(self.former, self.folder)
        try:
            with system.running():
                self.verb.write(self.place, 1)
        except (Killed, OSError, ConceptLRPError):
            pass
        except BaseException as error:
            return f"raw {error!r}"
        if problem := self._wrong():
            return problem
        with another_process():
            try:
                self.verb.write(self.place, 1)
            except Exception as error:
                return f"again: {error!r}"
        if view(self.verb, self.place) != self.new:
            return "again: is not the new output"
        left = [p.name for p in self.folder.rglob(".*") if unfinished_name(p.name)]
        return f"again: leaves {left}" if left else ""

    def _wrong(self) -> str:
        if self.verb.keeps == "again":
            return ""
        found = view(self.verb, self.place)
        if found is None:
            # Two folders that cannot be exchanged: the next process puts one back.
            with another_process():
                clear_leftovers(self.place)
            found = view(self.verb, self.place)
        if found in (self.old, self.new):
            return ""
        if found is None:
            return "neither is there"
        if self.verb.keeps == "file":
            old, new = self.old or {}, self.new or {}
            odd = [n for n, c in found.items() if c not in (old.get(n), new.get(n))]
            lost = [n for n in old.keys() & new.keys() if n not in found]
            odd = [n for n in odd if n != "atlas.json"]
            return f"odd {odd}, lost {lost}" if odd or lost else ""
        return f"is neither: {sorted(found)[:5]} {found.get('problem', b'')[:200]!r}"


def verbs(store: Store) -> Iterator[Verb]:
    """Name every verb that writes, about one small store."""
    yield from _derived()
    yield from _exports(store)
    yield from _games(store)
    yield from _pages(store)
    runs = [SmallRun.of(3), SmallRun.of(4)]
    yield Verb("attribute", lambda place, v: runs[v].go_on(place), ".crp", "again")

    def repack(place: Path, version: int) -> None:
        # It never replaces anything, so there is no old one.
        if version:
            with suppress(OutputExistsError):
                repack_store(store.path, place, codec="gzip")

    yield Verb("repack", repack, ".crp")


def _derived() -> Iterator[Verb]:
    for kind, sample in SAMPLES.items():

        def save(place: Path, version: int, sample: Any = sample) -> None:
            opened = open_store(place)
            opened.results.save(sample(opened, version), overwrite=True)

        yield Verb(f"derived: {kind}", save, ".crp", is_store=True)

    def label_positions(place: Path, version: int) -> None:
        opened = open_store(place)
        opened.columns.add({"a": [version] * len(opened)}, overwrite=True)

    yield Verb("derived: columns", label_positions, ".crp", is_store=True)


def _exports(store: Store) -> Iterator[Verb]:
    layer, again = store.layers[0], {"overwrite": True}
    chosen = [exports.Selection(n_positions=n, layers=[layer]) for n in (8, 9)]
    for name, ending in (
        ("parquet", ""),
        ("csv", ""),
        ("virelay", ""),
        ("npz", ".npz"),
    ):
        write = getattr(exports, name)
        yield Verb(
            f"export: {name}",
            lambda place, v, write=write: write(store, place, chosen[v], **again),
            ending,
        )
    yield Verb(
        "export: h5ad",
        lambda p, v: exports.h5ad(
            store, p, layer, exports.Selection(n_positions=8 + v), **again
        ),
        ".h5ad",
    )
    yield Verb(
        "export: json",
        lambda p, v: exports.json(store, p, layers=[layer], count=1 + v, **again),
    )
    for name, ending in (("graphml", ".graphml"), ("node_link", ".json")):
        write = getattr(exports, name)
        yield Verb(
            f"export: {name}",
            lambda place, v, write=write: write(
                store, place, strongest=1 + v, overwrite=True
            ),
            ending,
        )
    graph = store.results.get(MeanConceptGraph)
    assert graph is not None
    for ending in (".json", ".graphml", ".gexf"):

        def write_graph(place: Path, version: int) -> None:
            found = node_link(graph, target=store.targets[0], strongest=1 + version)
            content = exported(found, place.suffix)
            options: dict[str, Any] = {"error": FileFormatError, "token": GRAPH_MARK}
            write_whole(place, content, overwrite=True, **options)

        yield Verb(f"graph and circuit: {ending}", write_graph, ending)


def _games(store: Store) -> Iterator[Verb]:
    corpus = positions(60)
    with torch.random.fork_rng(devices=[]):
        networks = [OthelloNet(2, 6).eval() for _ in range(2)]
    yield Verb("corpus", lambda p, v: corpus[: 8 + v].save(p, overwrite=True), ".h5")
    yield Verb(
        "train: network",
        lambda p, v: save_network(networks[v], p, overwrite=True),
        ".safetensors",
    )
    yield Verb(
        "selfplay",
        lambda p, v: self_play(
            networks[0], p, count=1, options=_QUICK, seed=v, overwrite=True
        ),
        ".jsonl",
    )
    games = [
        self_play_games(networks[0], store.path.parent / f"games-{v}.jsonl", v)
        for v in range(2)
    ]
    yield Verb(
        "selfplay: transcripts",
        lambda p, v: write_transcripts(games[v], p, overwrite=True),
        ".txt",
    )

    def card(place: Path, version: int) -> None:
        rows = [(f"row {n}", lambda n=n: {"n": n + version}) for n in range(2)]
        with mock.patch.object(strength, "_rows", return_value=rows):
            strength_card(networks[0], place, overwrite=True)

    yield Verb("strength", card, ".json")
    learned = TrainingSet.from_corpus(Corpus.from_games(games[0]))

    def learn(place: Path, version: int) -> None:
        options = TrainingOptions(epochs=0.5, batch_size=16, seed=version)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = OthelloNet(2, 6)
        with RunFolder(place.with_suffix(".run"), overwrite=True) as folder:
            train(network, learned, options=options, folder=folder)
            save_network(network.eval(), place, overwrite=True)
            folder.discard_checkpoint()

    yield Verb("train", learn, ".safetensors")


_QUICK = SelfPlayOptions(search=None, temperature=1.0, together=1)


def self_play_games(network: OthelloNet, path: Path, seed: int) -> Any:
    """Play a game for its transcript."""
    options = {"options": _QUICK, "seed": seed, "overwrite": True}
    return self_play(network, path, count=1, **options).games


def _pages(store: Store) -> Iterator[Verb]:
    layer = store.layers[0]
    for ending in (".png", ".svg", ".pdf"):

        def draw(place: Path, version: int) -> None:
            figure = plt.figure(figsize=(1, 1))
            figure.text(0.5, 0.5, str(version))
            figures.save(figure, place, overwrite=True)
            plt.close(figure)

        yield Verb(f"figure: {ending}", draw, ending)
    found = [[channel_report(store, layer, v, count=1)] for v in range(2)]
    yield Verb(
        "report --out",
        lambda p, v: write_reports(iter(found[v]), p, total=1, overwrite=True),
    )

    def judge(place: Path, version: int) -> None:
        with staged_folder(place, marker="m.json", kind="k", overwrite=True) as folder:
            (folder / "figures").mkdir()
            (folder / "figures" / "a.png").write_bytes(bytes([version]))

    yield Verb("evaluate --out", judge)
    yield Verb(
        "atlas",
        lambda p, v: build_atlas(store, p, title=str(v), count=1, overwrite=True),
        keeps="file",
    )
    yield Verb(
        "atlas --single-file",
        lambda p, v: build_single_file(store, p, title=str(v), count=1, overwrite=True),
        ".html",
    )


def make_store(folder: Path) -> Store:
    """Make a store with everything in it that verbs write about."""
    try:
        return dress(write_store(folder / "run.crp"))
    except OutputExistsError:
        return open_store(folder / "run.crp")
