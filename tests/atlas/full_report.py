"""A report with everything that a report can hold, made of one that holds little."""

from dataclasses import replace

import numpy as np

from conceptlrp.labelling import ChannelLabels, NamedLabel
from conceptlrp.report import ChannelReport, Note
from conceptlrp.report.findings import (
    ChannelEffect,
    MarkedCluster,
    RunnerUp,
    WiredChannel,
)
from tests.report.planted_labels import cause, evidence_of

HOSTILE = "<script>alert('x')</script>"


def named_label(label: str, **changes) -> NamedLabel:
    known = {
        "label": label,
        "measure": "relevance",
        "effect": 0.84,
        "held_out": 0.82,
        "correlation": 0.7,
        "auroc": 0.91,
        "low": 0.78,
        "high": 0.86,
        "p": 0.001,
        "q": 0.0125,
        "random": 0.31,
    }
    return NamedLabel(**(known | changes))


def runner_up(label: str) -> RunnerUp:
    return RunnerUp(
        label=label,
        measure="activation",
        effect=0.44,
        held_out=0.4321,
        low=None,
        high=None,
        q=0.02,
        random=0.2,
        reason="its effect +0.44 is below 0.5",
    )


def channel_effect(size: int) -> ChannelEffect:
    policy = np.linspace(-1, 2, size * size).reshape(size, size)
    policy[0, 0] = np.nan
    return ChannelEffect(
        ablation="mean",
        positions=400,
        games=400,
        fall=0.215,
        fall_low=0.2,
        fall_high=0.23,
        size=0.415,
        size_low=0.4,
        size_high=0.43,
        value=-0.025,
        value_low=-0.03,
        value_high=-0.02,
        moves_changed=0.07,
        control=0.105,
        control_low=0.1,
        control_high=0.11,
        rank=3,
        policy=policy,
        beats_control=True,
    )


def full_report(report: ChannelReport, *, size: int = 8) -> ChannelReport:
    channel, name = report.channel, "corner lead"
    labels = (named_label(name), named_label("own corners", auroc=None, share=0.66))
    evidence = evidence_of(labels[0], found=cause(name))
    return replace(
        report,
        name=evidence.name,
        evidence=evidence,
        note=Note(f"Corners {HOSTILE}", f"Ada {HOSTILE}", "2026-03-01", HOSTILE),
        labels=ChannelLabels(channel, labels, 1, ("edge lead",)),
        runners_up=(runner_up("edge lead"), runner_up(HOSTILE)),
        random_labelled=0.025,
        exchanged_labelled=0.0,
        effects=channel_effect(size),
        upstream=(WiredChannel("conv1", 3, 0.05, 0.0625, 0.375),),
        downstream=(
            WiredChannel("trunk/<b>3", 1, -0.04, 0.05, 0.225),
            WiredChannel("target", 0, 0.02, 0.03, 0.125),
        ),
        clusters=(MarkedCluster(cluster=2, positions=345, effect=-1.25, place=3),),
        warnings=("The composite draws one picture for every channel.",),
        missing=(),
    )
