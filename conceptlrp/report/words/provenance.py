"""Where the numbers of a report come from, and how to cite them."""

from collections.abc import Mapping
from typing import Any

from conceptlrp.report.words.numbers import count, plural
from conceptlrp.store import Store

_DIGITS = 12


def provenance(store: Store, target: str) -> tuple[tuple[str, str], ...]:
    """Say what was explained, with what, and how."""
    made = store.manifest
    games = plural(int(made.corpus.get("games", 0)), "game")
    positions = plural(len(store), "position")
    found = (
        ("network", f"{made.network.get('name', '')} ({_digest(made.network)})"),
        ("corpus", f"{positions} of {games} ({_digest(made.corpus)})"),
        ("composite", str(made.composite.get("name", ""))),
        ("explained output", target),
        ("versions", ", ".join(f"{name} {v}" for name, v in made.versions.items())),
        ("command", made.command),
    )
    return tuple((name, value) for name, value in found if value)


def citation(store: Store, target: str, layer: str, channel: int) -> str:
    """Return a line that says which channel is meant, for a reference."""
    made = store.manifest
    return (
        f"Channel {channel} of {layer} of network {made.network.get('name', '')} "
        f"{_digest(made.network)}, explained towards '{target}' by "
        f"{made.composite.get('name', '')} on {count(len(store))} positions of corpus "
        f"{_digest(made.corpus)}; conceptlrp {made.versions.get('conceptlrp', '')}."
    )


def _digest(record: Mapping[str, Any]) -> str:
    return str(record.get("digest", ""))[:_DIGITS]
