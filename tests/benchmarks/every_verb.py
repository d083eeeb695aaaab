"""Every verb of the command line, on networks of other people.

Usage: ``python tests/benchmarks/every_verb.py [--positions 200] [--keep FOLDER]``.
Four networks go through all verbs, each command line in a process of its own: depla's
(named as code, with its weights; where ``../shared/networks`` is), one in the style of
Leela that learns for a minute from the games that ship, a file that later verbs find
again by themselves, and one with attention, which only a gradient explains. Exits with
1 if a verb fails, prints a traceback or a warning of Python's, or does not leave or say
what it should.
"""

import argparse
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.request import urlopen

# As a script this file sees its own folder alone, not the tests beside it.
sys.path.insert(0, str(Path(__file__).parents[2]))

from conceptlrp.networks import demo_network, save_network
from conceptlrp.othello import Corpus
from tests.benchmarks.own_networks import DEPLA, train_leela
from tests.benchmarks.report import machine

ROOT = Path(__file__).parents[2]
_LABELS = ("depla", "leela", "file", "attention")
_CODE = "tests.benchmarks.own_networks:"
_FORMATS = ("h5ad", "parquet", "csv", "json", "npz", "virelay", "graphml", "node-link")
_PYTHON = re.compile(r"Traceback|Warning: |^  File ", re.MULTILINE)


@dataclass(frozen=True)
class Subject:
    """A network, and how a command line names it.

    Attributes
    ----------
    label, network : str
        How the table and how a command line calls it.
    layer : str
        One of its layers.
    layers : tuple of str
        Those that are explained, all of them if there are none.
    weights : tuple of str
        The option that goes with the network.
    has_value : bool
        Whether it has a value, which search and the target "value" need.
    is_file : bool
        Whether stores find it again by themselves, and a training can begin with it.
    gradient : bool
        Whether only a gradient explains some of it.
    """

    label: str
    network: str
    layer: str
    weights: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    has_value: bool = True
    is_file: bool = False
    gradient: bool = False

    @property
    def again(self) -> tuple[str, ...]:
        """What a verb needs to find the network of a store."""
        return () if self.is_file else ("--network", self.network, *self.weights)


@dataclass(frozen=True)
class Step:
    """A command line, and what it has to leave or say.

    It has to be ``refused`` where that is given, in one line with these words.
    """

    words: tuple[str, ...]
    leaves: Path | None = None
    refused: str = ""
    says: str = ""


@dataclass(frozen=True)
class Outcome:
    """What came of a step; it went wrong where there is a ``fault``."""

    network: str
    verb: str
    code: int
    seconds: float
    said: str
    fault: str

    def __str__(self) -> str:
        said = f"FAULT: {self.fault.splitlines()[0]}" if self.fault else self.said
        width = 32 + len(self.network)
        return f"{self.verb:{width}} {self.code:4} {self.seconds:8.1f}  {said[:110]}"


def steps(of: Subject, folder: Path, corpus: Path) -> Iterator[tuple[str, Step]]:
    """Every verb with one network, in an order in which each finds what it needs."""
    store, out = folder / "run.crp", folder / "out"
    out.mkdir(parents=True)
    yield from _play(of, out, corpus)
    yield from _stores(of, store, corpus)
    yield from _channels(of, store)
    yield from _files(of, store, out)


def _step(
    line: str,
    *more: object,
    leaves: Path | None = None,
    refused: str = "",
    says: str = "",
    name: str = "",
) -> tuple[str, Step]:
    words = (*line.split(), *map(str, more))
    return name or words[0], Step(words, leaves, refused, says)


def _play(of: Subject, out: Path, corpus: Path) -> Iterator[tuple[str, Step]]:
    net, search = (of.network, *of.weights), "@4" if of.has_value else ""
    card, games, trained = out / "card.json", out / "games.jsonl", out / "t.safetensors"
    refused = "MultiheadAttention" if of.gradient else ""
    yield _step("check-network", *net, corpus, refused=refused)
    played = ("selfplay", *net, "-n", 2, "--simulations", 4, "--out", games)
    if of.has_value:
        yield _step(*played, leaves=games)
    else:
        yield _step(*played, refused="the network has no value")
    one, other = of.network + search, "random"
    yield _step("arena", one, other, *of.weights, "-n", 2, "--opening", 4)
    measured = ("--simulations", 4, "--match-games", 2, "--endgames", 4)
    strength = ("strength", *net, "--games", corpus, "--out", card, *measured)
    yield _step(*strength, "--sample", 40, leaves=card)
    train = ("train", corpus, "--start", *net, "--batch-size", 16, "--out", trained)
    if of.is_file:
        yield _step(*train, leaves=trained)
    else:
        yield _step(*train, refused="expected OthelloNet or ResidualTower")
    explain = ("explain", of.network, "f5d6c3d3c4", *of.weights, *_gradient(of))
    yield _step(*explain, says="gradient" if of.gradient else "relevance by epsilon")
    refused = "" if of.has_value else "no value head"
    yield _step(*explain, "--value", refused=refused, name="explain --value")


def _gradient(of: Subject) -> tuple[str, ...]:
    return ("--allow-gradient",) if of.gradient else ()


def _stores(of: Subject, store: Path, corpus: Path) -> Iterator[tuple[str, Step]]:
    net = (of.network, *of.weights, corpus)
    value = ("--target", "value") if of.has_value else ()
    made = ("attribute", *net, "--target", "played", "--references", 4, *_gradient(of))
    made += tuple(f"--layer={layer}" for layer in of.layers)
    if of.gradient:
        plain = ("attribute", *net, "--out", store)
        yield _step(
            *plain, refused="MultiheadAttention", name="attribute, no --allow-gradient"
        )
    yield _step(*made, *value, "--statistics", "--out", store, leaves=store)
    other, jobs = store.with_name("other.crp"), store.with_name("jobs.crp")
    rule = ("--composite", "epsilon", "--baseline", "zero", "--out", other)
    yield _step(*made, *rule, leaves=other, name="attribute --composite epsilon")
    for number in "12":
        job = ("--shard", f"{number}/2", "--shard-size", 64, "--out", jobs)
        yield _step(*made, *job, name=f"attribute --shard {number}/2")
    yield _step("merge", jobs, *of.again, leaves=jobs)
    yield _step("info", store, says="gradients" if of.gradient else "composite")
    yield _step("check", store)
    packed = store.with_name("packed.crp")
    yield _step("repack", store, packed, "--codec", "zstd", leaves=packed)
    channel = ("--layer", of.layer, "--channel", 1)
    yield _step("top", store, *channel, "-n", 2)
    yield _step("query", store, *channel, "-n", 4)
    yield _step("query", store, "--position", 3, name="query --position")
    near = ("--near", 3, "--layer", of.layer)
    yield _step("query", store, *near, name="query --near")


def _channels(of: Subject, store: Path) -> Iterator[tuple[str, Step]]:
    again = (store, *of.again)
    # Edges between units need a rule for everything that is between them.
    refused = "needs the native engine" if of.gradient else ""
    yield _step("cluster", store, "--clusters", 3, "--stability")
    yield _step("label", *again, "--maps", 30, "--random-networks", 1)
    yield _step(
        "interchange", *again, "--positions", 60, "--random-networks", 1, "--overwrite"
    )
    yield _step("ablate", *again, "--positions", 40)
    yield _step("graph", *again, "--positions", 40, refused=refused)
    row = ("--position", 3)
    yield _step("graph", *again, *row, refused=refused, name="graph --position")
    yield _step("circuit", *again, *row, "--method", "once", refused=refused)
    phase = ("--phase", "endgame", "-n", 8, "--name", "endgame")
    yield _step("circuit", *again, *phase, refused=refused, name="circuit --phase")
    few = ("--positions", 12, "--cascade", 4)
    rules = [f"--composite={r}" for r in ("epsilon+epsilon-gamma", "gradient-x-input")]
    yield _step("evaluate", *again, *few, *rules)
    yield _step("truth", *again, "--positions", 60)


def _files(of: Subject, store: Path, out: Path) -> Iterator[tuple[str, Step]]:
    channel = ("--layer", of.layer, "--channel", 1)
    mark = "gradient" if of.gradient else of.layer
    no_graph = "has no concept graph" if of.gradient else ""
    yield _step("report", store, *channel, says=mark)
    yield _step("report", store, "--all", "--layer", of.layer, "--out", out / "all")
    yield _step("compare", store, store.with_name("other.crp"))
    for kind in _FORMATS:
        layer = ("--layer", of.layer) if kind == "h5ad" else ()
        file = out / f"run.{kind}"
        written = ("export", store, file, "--format", kind, *layer)
        refused = no_graph if kind in ("graphml", "node-link") else ""
        yield _step(*written, leaves=file, refused=refused, name=f"export {kind}")
    of_layer = ("--layer", of.layer)
    drawn: dict[str, tuple[object, ...]] = {
        "references": channel,
        "means": channel,
        "embedding": of_layer,
        "channels": of_layer,
        "labels": of_layer,
        "graph": (),
        "faithfulness": (),
        "sanity": (),
        "empty-board": of.again,
    }
    for kind, more in drawn.items():
        file = out / f"{kind}.svg"
        figure = ("figure", kind, store, "--out", file, *more)
        refused = no_graph if kind == "graph" else ""
        yield _step(*figure, leaves=file, refused=refused, name=f"figure {kind}")
    pages, mark = out / "atlas", "by its gradient" if of.gradient else "epsilon"
    extra = ("--strength", out / "card.json", "--compare", store.with_name("other.crp"))
    yield _step(
        "atlas", store, pages, *of.again, *extra, leaves=pages / "index.html", says=mark
    )
    one = out / "one.html"
    single = ("atlas", store, one, "--single-file", *of.again)
    yield _step(*single, leaves=one, says=mark, name="atlas --single-file")
    yield _step("serve", store, "--port", 0, *of.again)


def run(network: str, verb: str, step: Step) -> Outcome:
    """Run one command line in a process of its own."""
    begun = time.monotonic()
    words = [sys.executable, "-m", "conceptlrp", *step.words]
    if step.words[0] == "serve":
        code, out, err = _served(words)
    else:
        ended = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
        code, out, err = ended.returncode, ended.stdout, ended.stderr
    seconds = time.monotonic() - begun
    fault = fault_of(step, code, out, err)
    lines = (err if code else out or err).split("\n")
    said = next((line.strip() for line in reversed(lines) if line.strip()), "")
    if step.refused and not fault:
        said = f"refused: {said.removeprefix('conceptlrp: ')}"
    return Outcome(network, verb, code, seconds, said, fault)


def fault_of(step: Step, code: int, out: str, err: str) -> str:
    """Return what is wrong with what a step left and said, nothing if all is right."""
    fault = _fault(step, code, out, err)
    return fault and f"{fault}\n{err or out}"


def _fault(step: Step, code: int, out: str, err: str) -> str:
    if _PYTHON.search(err):
        return "a traceback or warning"
    if step.refused:
        # Remarks on the network may come before it.
        said = all(each.startswith("conceptlrp: ") for each in err.splitlines())
        right = code and said and re.search(step.refused, err.splitlines()[-1])
        return "" if right else f"not refused in one line with '{step.refused}'"
    # Ctrl-C is how a server ends.
    if code != (130 if step.words[0] == "serve" else 0):
        return f"exit code {code}"
    if step.leaves is not None and not step.leaves.exists():
        return f"left no {step.leaves.name}"
    silent = [
        name for name, text in _texts(step, out) if not re.search(step.says, text)
    ]
    return f"'{step.says}' is not in {', '.join(silent[:4])}" if silent else ""


def _texts(step: Step, out: str) -> Iterator[tuple[str, str]]:
    """What a step prints, or every page that it writes."""
    if step.leaves is None or step.leaves.suffix != ".html":
        yield "what it prints", out
        return
    one = step.leaves.name != "index.html"
    for page in [step.leaves] if one else sorted(step.leaves.parent.rglob("*.html")):
        yield page.name, page.read_text()


def _served(words: Sequence[str]) -> tuple[int, str, str]:
    """Start a server, ask it for a page, and stop it as Ctrl-C does."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, **pipes) as server:
        line = server.stdout.readline()
        answer = ""
        if line.startswith("http"):
            with urlopen(line.split()[0]) as page:
                answer = f"{page.status}, {len(page.read())} bytes"
        server.send_signal(signal.SIGINT)
        out, err = server.communicate(timeout=60)
    return server.returncode, f"{line}{answer or 'no answer'}\n{out}", err


def subjects(
    folder: Path, games: Corpus, n_steps: int, only: Sequence[str]
) -> Iterator[Subject]:
    """The networks; those that have to be made lie in the folder afterwards."""
    if "depla" in only and DEPLA.is_file():
        weights = ("--weights", str(DEPLA))
        # Of its five layers of 128 channels, two: a page for each takes a while.
        layers = ("_CNN__block.9", "_CNN__block.12")
        code = _CODE + "depla"
        yield Subject("depla", code, layers[0], weights, layers, has_value=False)
    elif "depla" in only:
        print(f"depla is left out: there is no {DEPLA}", flush=True)
    if "leela" in only:
        loss = train_leela(games, folder / "leela.pt", steps=n_steps)
        print(f"leela: loss {loss:.2f} of the policy after {n_steps} steps", flush=True)
        weights = ("--weights", str(folder / "leela.pt"))
        yield Subject("leela", _CODE + "leela", "blocks.0.conv1", weights)
    if "file" in only:
        save_network(demo_network(), folder / "mine.safetensors")
        yield Subject("file", str(folder / "mine.safetensors"), "conv3", is_file=True)
    if "attention" in only:
        yield Subject("attention", _CODE + "attention", "conv", gradient=True)


def every_verb(folder: Path, options: argparse.Namespace) -> bool:
    """Run all verbs on all networks, print a table of each; whether all went well."""
    games = Corpus.read("demo")
    corpus = folder / "corpus.h5"
    games.sample(options.positions, seed=0).save(corpus)
    outcomes: list[Outcome] = []
    networks = 0
    for subject in subjects(folder, games, options.steps, options.only):
        networks += 1
        print(f"\n{subject.label}: {'verb':31} code  seconds  last line", flush=True)
        for verb, step in steps(subject, folder / subject.label, corpus):
            outcomes.append(run(subject.label, verb, step))
            print(outcomes[-1], flush=True)
    failed = [each for each in outcomes if each.fault]
    for each in failed:
        print(f"\n{each.network}: {each.verb}: {each.fault}")
    verbs, n = len({each.verb.split()[0] for each in outcomes}), len(outcomes)
    right = n - len(failed)
    said = f"{verbs} verbs x {networks} networks: {right} of {n} command lines"
    print(f"\n{said} ended as they should")
    return not failed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--positions", type=int, default=200)
    parser.add_argument("--steps", type=int, default=600, help="of leela's training")
    parser.add_argument("--only", nargs="+", choices=_LABELS, default=_LABELS)
    parser.add_argument("--keep", type=Path, help="folder to leave everything in")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.keep or Path(temporary)
        sys.exit(not every_verb(folder, options))


if __name__ == "__main__":
    main()
