"""Verbs that run a network, one in the style of Leela; the script has all of them."""

from pathlib import Path

import pytest

from conceptlrp.networks import demo_corpus
from tests.benchmarks.every_verb import Subject, fault_of, steps
from tests.benchmarks.own_networks import train_leela
from tests.command_line import run

#: Verbs that run the network of a store, or tell of it.
VERBS = (
    *("check-network", "strength", "explain", "attribute", "info", "label"),
    *("interchange", "ablate", "graph", "circuit", "evaluate", "report", "atlas"),
    *("export", "figure", "truth"),
)
#: Two layers of 16 channels, in the first block and in the last.
LAYERS = ("blocks.0.conv1", "blocks.1.conv2")


@pytest.mark.slow
def test_verbs_take_a_network_like_leela(tmp_path: Path) -> None:
    weights, corpus = tmp_path / "leela.pt", tmp_path / "corpus.h5"
    train_leela(demo_corpus(), weights, steps=20)
    demo_corpus().sample(60, seed=0).save(corpus)
    named = ("--weights", str(weights))
    code = "tests.benchmarks.own_networks:leela"
    of = Subject("leela", code, LAYERS[0], weights=named, layers=LAYERS)

    found = {}
    for verb, step in steps(of, tmp_path / "leela", corpus):
        name = verb.split()[0]
        # One of each is enough, but the atlas shows another composite beside.
        if name in VERBS and (name not in found or "--composite" in verb):
            done = run(*step.words)
            found[name] = fault_of(step, done.code, done.out, done.err)

    assert not list(filter(None, found.values()))
    assert found.keys() == {*VERBS}
