"""Verbs that run a network, one in the style of Leela; the script has all of them."""

from pathlib import Path

import pytest

from conceptlrp.networks import demo_corpus
from tests.benchmarks.every_verb import Subject, run, steps
from tests.benchmarks.own_networks import train_leela

#: Verbs that run the network of a store, or tell of it.
VERBS = (
    *("check-network", "strength", "explain", "attribute", "info", "label"),
    *("interchange", "ablate", "graph", "circuit", "evaluate", "report", "atlas"),
    *("export", "figure", "truth"),
)


@pytest.mark.slow
def test_verbs_take_a_network_like_leela(tmp_path: Path) -> None:
    weights, corpus = tmp_path / "leela.pt", tmp_path / "corpus.h5"
    train_leela(demo_corpus(), weights, steps=20)
    demo_corpus().sample(60, seed=0).save(corpus)
    of = Subject(
        *("leela", "tests.benchmarks.own_networks:leela", "blocks.0.conv1"),
        weights=("--weights", str(weights)),
    )

    found = {}
    for verb, step in steps(of, tmp_path / "leela", corpus):
        name = verb.split()[0]
        # One of each is enough, but the atlas shows another composite beside.
        if name in VERBS and (name not in found or "--composite" in verb):
            found[name] = run(of.label, verb, step)

    assert not [each.fault for each in found.values() if each.fault]
    assert found.keys() == {*VERBS}
