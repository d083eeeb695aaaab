"""Speed: each function lets contestants compute in turn and returns rows.

Explainers are built and graphs traced before the clock starts. Times are per
(position, channel) for conditional heatmaps and per position elsewhere.
"""

import statistics
from collections.abc import Callable

import numpy as np

from conceptlrp.lrp import Target
from conceptlrp.lrp.composites import named_composite
from conceptlrp.othello import Corpus, square_name
from tests.benchmarks.case import COMPOSITE, GENERATE, Case
from tests.benchmarks.operations import heatmap_flops, sweep_flops
from tests.benchmarks.peers import (
    bare_zennit,
    convolution_peaks,
    peak_rate,
    plain_forwards,
)
from tests.benchmarks.report import Row
from tests.benchmarks.timing import Contestant, Timing, alternate, fastest, timed

_CRP_BATCHES = (10, 32)  # the first is zennit-crp's default
_N_TARGETS = 10


def conditional_rows(case: Case, *, goal: float | None) -> list[Row]:
    """Compare conditional heatmaps of all channels with zennit-crp's `generate`."""
    positions = case.positions[: case.n_conditional]
    ours = timed(lambda: case.explainer.attribute(positions, conditional=True))
    theirs = {f"crp{size}": _generate(case, size) for size in _CRP_BATCHES}
    timings = alternate({"ours": ours, **theirs}, rounds=case.rounds)
    peer = fastest(timings, *theirs)
    size = next(
        n for n, c in zip(_CRP_BATCHES, theirs, strict=True) if timings[c] is peer
    )
    scale = 1e3 / (len(positions) * case.n_maps)
    default = timings["crp10"].median / case.n_maps
    return [
        Row(
            case.label,
            f"conditional heatmaps, all channels of {len(case.layers)} layers",
            GENERATE,
            f"{timings['ours'].median * scale:.4f} ms",
            f"{1e3 * peer.median / case.n_maps:.2f} ms",
            1e3 * peer.median / case.n_maps / (timings["ours"].median * scale),
            1e3 * peer.best / case.n_maps / (timings["ours"].best * scale),
            goal,
            note=f"per (position, channel); generate's batch {size}, "
            f"with its default of 10 {1e3 * default:.2f} ms",
        )
    ]


def _generate(case: Case, batch_size: int) -> Contestant:
    """Time zennit-crp on a sample of channels of each layer of one position."""

    def contestant() -> float:
        total = 0.0
        for layer in case.layers:
            answer = case.peer.ask(
                "heatmap_seconds",
                composite=case.peer_composite,
                layer=layer,
                batch_size=batch_size,
                n_batches=2 if batch_size > 10 else 4,
            )
            total += _all_channels(answer["batches"], answer["channels"], batch_size)
        return total

    return contestant


def _all_channels(batches: list[float], n_channels: int, batch_size: int) -> float:
    """Extend the time of sampled batches to all channels; the first has more to do."""
    first, *others = batches
    if not others:
        return first
    n_others = n_channels / min(batch_size, n_channels) - 1
    return first + n_others * statistics.median(others)


def target_rows(case: Case, *, goal: float = 1.3) -> list[Row]:
    """Compare ten targets with one, conditional heatmaps of all channels."""
    positions, moves = _position_with_moves(case)
    explain = case.explainer.attribute
    timings = alternate(
        {
            "ten": timed(lambda: explain(positions, targets=moves, conditional=True)),
            "one": timed(
                lambda: explain(positions, targets=moves[:1], conditional=True)
            ),
        },
        rounds=case.rounds,
    )
    ten, one = timings["ten"], timings["one"]
    note = f"per position; ten legal moves of {len(positions)} equal boards"
    if case.composite == COMPOSITE:
        counted = heatmap_flops(case.network, n_targets=_N_TARGETS)
        note += f"; {counted / heatmap_flops(case.network):.2f}x by counted operations"
    per = 1e3 / len(positions)
    return [
        Row(
            case.label,
            "the same for ten targets",
            "one target",
            f"{ten.median * per:.1f} ms",
            f"{one.median * per:.1f} ms",
            ten.median / one.median,
            ten.best / one.best,
            goal,
            at_most=True,
            note=note,
        )
    ]


def _position_with_moves(case: Case) -> tuple[Corpus, list[str]]:
    """Return copies of one position, and ten of its legal moves."""
    size = case.network.size
    for row in range(len(case.positions)):
        moves = case.positions.position(row).legal_moves
        if len(moves) >= _N_TARGETS:
            names = [square_name(move, size) for move in moves[:_N_TARGETS]]
            return case.positions[np.full(case.n_conditional, row)], names
    msg = f"no position has {_N_TARGETS} legal moves; take more positions"
    raise ValueError(msg)


def channel_rows(case: Case) -> list[Row]:
    """Compare the relevance of all channels with zennit-crp, zennit, a forward."""
    contestants = {
        "ours": timed(lambda: _channel_relevance(case)),
        "alone": timed(lambda: case.channels_alone.summarize(case.positions)),
        "crp": lambda: _reference_seconds(case),
        "zennit": timed(lambda: _bare_zennit(case)),
        **plain_forwards(case.plain, case.positions),
    }
    timings = alternate(contestants, rounds=case.rounds)
    n_positions = len(case.positions)
    forward = fastest(timings, "forward", "forward, channels last")
    return [
        _rate_row(
            "zennit-crp FeatureVisualization.run",
            timings,
            "crp",
            2.5,
            case,
            "its top lists and statistics are written to disk",
        ),
        _rate_row("bare zennit 0.5.1", timings, "zennit", 2.0, case),
        *(
            Row(
                case.label,
                what,
                "one plain forward",
                f"{1e3 * timings[name].median / n_positions:.2f} ms",
                f"{1e3 * forward.median / n_positions:.2f} ms",
                timings[name].median / forward.median,
                timings[name].best / forward.best,
                3.3,
                at_most=True,
                note="per position; the faster of two memory layouts",
            )
            for name, what in (
                ("alone", _channels(case)),
                ("ours", f"{_channels(case)}, and the heatmap"),
            )
        ),
    ]


def _rate_row(
    against: str,
    timings: dict[str, Timing],
    peer: str,
    goal: float,
    case: Case,
    note: str = "",
) -> Row:
    ours, theirs = timings["ours"], timings[peer]
    n_positions = len(case.positions)
    return Row(
        case.label,
        _channels(case),
        against,
        f"{n_positions / ours.median:.1f} positions/s",
        f"{n_positions / theirs.median:.1f} positions/s",
        theirs.median / ours.median,
        theirs.best / ours.best,
        goal,
        note=note,
    )


def _channels(case: Case) -> str:
    return f"channel relevance of {len(case.layers)} layers"


def _bare_zennit(case: Case) -> object:
    composite = named_composite(case.peer_composite, case.plain)
    return bare_zennit(case.plain, case.positions, composite, case.explainer.taps)


def _channel_relevance(case: Case) -> dict[str, np.ndarray]:
    return case.explainer.summarize(case.positions).relevance


def _reference_seconds(case: Case) -> float:
    answer = case.peer.ask(
        "reference_seconds",
        composite=case.peer_composite,
        layers=list(case.layers),
        batch_size=32,
    )
    return float(answer["seconds"])


def sweep_rows(case: Case) -> list[Row]:
    """Compare the sweep's useful FLOP/s with the peak of a convolution.

    The sweep's time is what conditional heatmaps add to plain relevance.
    """
    positions = case.positions[: case.n_conditional]
    explain = case.explainer.attribute
    timings = alternate(
        {
            "heatmaps": timed(lambda: explain(positions, conditional=True)),
            "relevance": timed(lambda: explain(positions)),
            **convolution_peaks(case.network.channels),
        },
        rounds=case.rounds,
    )
    flops = sweep_flops(case.network) * len(positions)
    whole, below = timings["heatmaps"], timings["relevance"]
    width = case.network.channels
    peak = peak_rate(width, {name: t.median for name, t in timings.items()})
    best = peak_rate(width, {name: t.best for name, t in timings.items()})
    rate = flops / (whole.median - below.median)
    return [
        Row(
            case.label,
            "forward-mode sweep, useful FLOP/s",
            f"3x3 convolution {width} to {width}",
            f"{rate / 1e9:.1f} GFLOP/s",
            f"{peak / 1e9:.1f} GFLOP/s",
            100 * rate / peak,
            100 * flops / (whole.best - below.best) / best,
            60,
            unit="%",
            note=f"{flops / len(positions) / 1e9:.2f} GFLOP a position; over the whole "
            f"call {100 * flops / whole.median / peak:.0f}%",
        )
    ]


def graph_rows(case: Case) -> list[Row]:
    """Compare the concept graph of adjacent layers with one plain forward."""
    forwards = plain_forwards(case.plain, case.positions)
    ours = {
        "graph": timed(_edges(case)),
        "whole": timed(lambda: case.explainer.concept_graph(case.positions)),
    }
    timings = alternate({**ours, **forwards}, rounds=case.rounds)
    forward, per = fastest(timings, *forwards), 1e3 / len(case.positions)
    notes = {
        "graph": "concept graph of all adjacent layers",
        "whole": "the same with the passes down that it starts from",
    }
    return [
        Row(
            case.label,
            what,
            "one plain forward",
            f"{timings[name].median * per:.2f} ms",
            f"{forward.median * per:.2f} ms",
            timings[name].median / forward.median,
            timings[name].best / forward.best,
            3.0 if name == "graph" else None,
            at_most=True,
            note="per position",
        )
        for name, what in notes.items()
    ]


def _edges(case: Case) -> Callable[[], object]:
    """Return what computes the graph alone, its relevance being known."""
    targets = [Target.parse("played")]
    passes = case.explainer._passes(case.positions, targets, len(case.positions))
    _, passed, starts = next(passes)
    _, layers = passed.relevance(starts)
    return lambda: passed.edges(layers, accumulate=True)
