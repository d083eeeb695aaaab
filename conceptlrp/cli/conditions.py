"""Options that say which positions of a store are meant."""

from collections.abc import Callable
from inspect import Parameter, Signature, signature
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from conceptlrp.cli.options import check_choice

if TYPE_CHECKING:
    from conceptlrp.store import Where

Ply = Annotated[str | None, typer.Option(help="Moves played before: A:B or a number.")]
Year = Annotated[str | None, typer.Option(help="Year of the game: A:B or a number.")]
Phase = Annotated[str | None, typer.Option(help="opening, midgame or endgame.")]
Mover = Annotated[str | None, typer.Option(help="Side to move: black or white.")]
Player = Annotated[str | None, typer.Option(help="A player of the game, either side.")]
Tournament = Annotated[str | None, typer.Option(help="Where the game was played.")]
Move = Annotated[str | None, typer.Option(help="The move that was played, such as d3.")]
Outcome = Annotated[
    str | None, typer.Option(help="For the side to move: win, draw or loss.")
]
Label = Annotated[
    list[str] | None,
    typer.Option(help="Label: NAME, NAME=NUMBER or NAME=A:B; repeatable."),
]


_OPTIONS: Final[dict[str, Any]] = {
    "ply": Ply,
    "phase": Phase,
    "mover": Mover,
    "player": Player,
    "year": Year,
    "tournament": Tournament,
    "move": Move,
    "outcome": Outcome,
    "label": Label,
}


def with_conditions(verb: Callable[..., None]) -> Callable[..., None]:
    """Give a verb all options that say which positions are meant, for its `where`."""

    def conditioned(**given: Any) -> None:
        chosen = {name: given.pop(name) for name in _OPTIONS}
        verb(**given, where=conditions(played=chosen.pop("move"), **chosen))

    asked = signature(verb).parameters
    own = [each for name, each in asked.items() if name != "where"]
    added = [
        Parameter(name, Parameter.KEYWORD_ONLY, default=None, annotation=kind)
        for name, kind in _OPTIONS.items()
    ]
    # typer reads options from the signature, and JSON is the last one of every verb.
    first = [each.replace(kind=Parameter.KEYWORD_ONLY) for each in own]
    every = [*first[:-1], *added, first[-1]]
    vars(conditioned).update(
        __signature__=Signature(every),
        __annotations__={e.name: e.annotation for e in every},
    )
    conditioned.__name__, conditioned.__doc__ = verb.__name__, verb.__doc__
    return conditioned


def conditions(
    *,
    phase: str | None,
    mover: str | None,
    outcome: str | None,
    ply: str | None,
    year: str | None,
    label: list[str] | None,
    **others: Any,
) -> "Where | None":
    """Put options into conditions, None where there are none."""
    from conceptlrp.othello.board import PHASES
    from conceptlrp.store import Where

    check_choice("--phase", phase, (None, *PHASES))
    check_choice("--mover", mover, (None, "black", "white"))
    check_choice("--outcome", outcome, (None, "win", "draw", "loss"))
    found = Where(
        phase=phase,
        mover=mover,
        outcome=outcome,
        ply=None if ply is None else _span("--ply", ply),
        year=None if year is None else _span("--year", year),
        labels=dict(_label(each) for each in label or ()),
        **others,
    )
    return None if found == Where() else found


def _label(text: str) -> tuple[str, Any]:
    name, _, value = text.partition("=")
    if not value:
        return name, True
    if value in ("true", "false"):
        return name, value == "true"
    return name, _span("--label", value)


def _span(option: str, text: str) -> Any:
    """Read "A:B", "A:", ":B" or a number."""
    first, colon, last = text.partition(":")
    try:
        ends = [float(end) if end else None for end in (first, last)]
    except ValueError:
        ends = [None, None]
    if ends == [None, None]:
        msg = f"{option} is '{text}', expected a number or A:B"
        raise typer.BadParameter(msg)
    return tuple(ends) if colon else ends[0]
