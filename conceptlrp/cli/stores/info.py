"""Verbs that look after a store: what it holds, whether it is whole, another codec."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conceptlrp.cli.options import Json, StorePath, check_choice, check_place
from conceptlrp.cli.tables import print_facts, print_json, print_table
from conceptlrp.errors import StoreError
from conceptlrp.progress import progress_bars
from conceptlrp.report.words.numbers import plural

if TYPE_CHECKING:
    from conceptlrp.store import StoreInfo

# What a file's name ends with, after what it holds.
_RECEIPT = re.compile(r"(-[0-9a-f]{8})?\.(h5|json)$")


def info(store: StorePath, as_json: Json = False) -> None:
    """Say what a store holds, even while a run fills it."""
    from conceptlrp.store import store_info

    found = store_info(store)
    if as_json:
        print_json(found.to_dict())
    else:
        print_facts(_facts(found), title=found.path)


def check(store: StorePath, as_json: Json = False) -> None:
    """Compare every file of a store with its hash.

    Exits with 1 if one is damaged.
    """
    from conceptlrp.store import check_store

    with progress_bars() as report:
        found = check_store(store, on_progress=report)
    if as_json:
        print_json(found.to_dict())
    elif found.is_good:
        size = f"{found.files} files, {found.bytes / 1e6:,.1f} MB"
        shards = f"{found.finished} of {found.shards} shards finished"
        typer.echo(f"{store}: whole; {size}, {shards}")
    else:
        columns = {
            "file": [each.file for each in found.problems],
            "what was found": [each.found for each in found.problems],
            "what to do": [each.remedy for each in found.problems],
        }
        print_table(columns, title=found.path)
    if not found.is_good:
        first = found.problems[0]
        more = len(found.problems) - 1
        others = f" (and {more} more)" if more else ""
        msg = f"{store}: {first.file} {first.found}{others}; {first.remedy}"
        raise StoreError(msg)


def repack(
    store: StorePath,
    out: Annotated[Path, typer.Argument(help="Folder to write (NAME.crp).")],
    codec: Annotated[
        str, typer.Option(help="gzip or none, which all readers know, or zstd.")
    ] = "gzip",
) -> None:
    """Copy a store with its arrays packed by another codec."""
    from conceptlrp.store import repack_store

    check_choice("--codec", codec, ("gzip", "none", "zstd"))
    check_place(out, overwrite=False)
    with progress_bars() as report:
        repack_store(store, out, codec=codec, on_progress=report)
    typer.echo(f"{out}: packed with {codec}")


def _facts(found: "StoreInfo") -> dict[str, object]:
    plan = found.plan
    network = plan.network
    return {
        "state": f"{found.state}, {found.finished} of {plural(found.shards, 'shard')}",
        "positions": f"{found.rows:,} of {found.positions:,}, "
        f"{plural(plan.corpus.get('games', 0), 'game')}",
        "network": f"{network.get('name')} ({network.get('architecture')}, "
        f"{str(network.get('digest'))[:12]})",
        "read from": network.get("reference"),
        **({"checksum": network["checksum"]} if "checksum" in network else {}),
        "planes": network.get("planes"),
        **({"notes": "; ".join(network["notes"])} if "notes" in network else {}),
        "composite": plan.composite.get("name"),
        **({"gradients": ", ".join(plan.gradients)} if plan.gradients else {}),
        "baseline": plan.above,
        "targets": ", ".join(plan.targets),
        "layers": ", ".join(f"{n} ({s['channels']})" for n, s in plan.layers.items()),
        "heatmaps": _heatmaps(found),
        "stored as": f"{plan.dtype}, {found.codec}{_rounding(found.rounding)}",
        "size": _size(found),
        "derived": ", ".join(_RECEIPT.sub("", n) for n in found.derived) or "nothing",
        "versions": ", ".join(f"{n} {v}" for n, v in plan.versions.items()),
        "command": plan.command or "a call from Python",
    }


def _heatmaps(found: "StoreInfo") -> str:
    plan = found.plan
    kept = {
        "sums": "none",
        "references": "reference boards",
        "sample": f"a sample of {plan.sample.get('positions', 0):,} positions",
        "all": "all positions",
    }[plan.detail]
    boards = f", {plan.references} boards per channel" if plan.references else ""
    return kept + boards + (", statistics of every channel" * plan.statistics)


def _rounding(errors: dict[str, float]) -> str:
    if not errors:
        return ""
    listed = ", ".join(f"{name} {error:.1e}" for name, error in errors.items())
    return f"; largest rounding error {listed}"


def _size(found: "StoreInfo") -> str:
    layers = ", ".join(f"{n} {size:,.0f}" for n, size in found.layer_bytes.items())
    each = f"; bytes per position: {layers}" if layers else ""
    return f"{found.bytes / 1e6:,.1f} MB{each}"
