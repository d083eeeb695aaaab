"""Every verb on a network in the style of Leela; the script has more of them."""

from pathlib import Path

import pytest

from conceptlrp.networks import demo_corpus
from tests.benchmarks.every_verb import Subject, run, steps
from tests.benchmarks.own_networks import train_leela


@pytest.mark.slow
def test_every_verb_takes_a_network_like_leela(tmp_path: Path) -> None:
    weights, corpus = tmp_path / "leela.pt", tmp_path / "corpus.h5"
    train_leela(demo_corpus(), weights, steps=20)
    demo_corpus().sample(60, seed=0).save(corpus)
    of = Subject(
        *("leela", "tests.benchmarks.own_networks:leela", "blocks.0.conv1"),
        weights=("--weights", str(weights)),
    )

    found, seen = [], set()
    for verb, step in steps(of, tmp_path / "leela", corpus):
        name = verb.split()[0]
        # One export and one figure are enough: each kind has tests of its own.
        if name not in ("export", "figure") or name not in seen:
            found.append(run(of.label, verb, step))
        seen.add(name)

    assert not [each.fault for each in found if each.fault]
    assert len({each.verb.split()[0] for each in found}) > 24
