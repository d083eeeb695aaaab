"""The verb that measures how well a network plays."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Any

import typer

from conceptlrp.cli import options as opt
from conceptlrp.cli.inputs import open_network, read_positions
from conceptlrp.cli.tables import print_json, print_table
from conceptlrp.progress import progress_bars


def strength(
    network: opt.NetworkPath,
    out: Annotated[Path, typer.Option(help="The card to write (.json).")],
    weights: opt.Weights = None,
    games: Annotated[
        list[str] | None,
        typer.Option(help="Held-out games, or a corpus (.h5); repeatable."),
    ] = None,
    sample: opt.Sample = None,
    simulations: Annotated[
        str, typer.Option(help="Numbers of searches to measure, separated by commas.")
    ] = "25,100,400",
    match_games: Annotated[
        int, typer.Option(min=2, help="Games of a match, an even number.")
    ] = 200,
    engine: Annotated[
        list[str] | None,
        typer.Option(help="Command of an engine, such as gtp-rhino; repeatable."),
    ] = None,
    engine_games: Annotated[
        int, typer.Option(min=2, help="Games against an engine, an even number.")
    ] = 20,
    endgames: Annotated[
        int, typer.Option(min=1, help="Endgame positions to solve.")
    ] = 500,
    empties: Annotated[
        int, typer.Option(min=1, help="Empty squares of endgames at most.")
    ] = 14,
    device: opt.Device = "cpu",
    seed: opt.Seed = 0,
    overwrite: opt.Overwrite = False,
    as_json: opt.Json = False,
) -> None:
    """Measure how well a network plays."""
    from conceptlrp.selfplay import StrengthOptions, strength_card
    from conceptlrp.selfplay.players import GtpEngine, GtpPlayer

    opt.check_place(out, overwrite=overwrite)
    opt.check_device(device)
    options = StrengthOptions(
        simulations=_numbers(simulations),
        games=match_games,
        engine_games=engine_games,
        endgames=endgames,
        most_empties=empties,
        seed=seed,
    )
    asked = open_network(network, weights).to(device)
    with ExitStack() as stack:
        report = stack.enter_context(progress_bars())
        engines = [
            GtpPlayer(
                stack.enter_context(GtpEngine(command)), size=asked.size, name=command
            )
            for command in engine or ()
        ]
        card = strength_card(
            asked,
            out,
            games=read_positions(games, asked.size, sample, seed) if games else None,
            engines=engines,
            options=options,
            overwrite=overwrite,
            on_progress=report,
        )
    if as_json:
        print_json(card)
    else:
        rows = card["rows"]
        print_table({"what": list(rows), "found": [_words(rows[n]) for n in rows]})


def _words(row: dict[str, Any]) -> str:
    from conceptlrp.selfplay import MatchResult

    if "interval" in row:
        counts = ("wins", "draws", "losses", "wiped_out")
        return str(MatchResult(*(row[name] for name in counts)))
    if "best_moves" in row:
        sign = row.get("value_sign")
        told = "" if sign is None else f"value right about the winner {sign:.1%}, "
        return (
            f"{row['best_moves']:.1%} best moves, {row['disc_loss']:.2f} discs lost "
            f"per move, {told}{row['positions']:,} positions"
        )
    shares = {k: v for k, v in row.items() if k != "positions" and v is not None}
    found = [f"{name.replace('_', ' ')} {value:.3f}" for name, value in shares.items()]
    return f"{', '.join(found)}; {row['positions']:,} positions"


def _numbers(text: str) -> tuple[int, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        msg = f"--simulations is '{text}', expected numbers separated by commas"
        raise typer.BadParameter(msg)
    return tuple(int(word) for word in words)
