"""The pages of the explorer, made by the templates of the atlas.

Shapes use n x n squares.
"""

import math
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from conceptlrp.atlas.pages.position_view import output_title, output_view
from conceptlrp.atlas.pictures.charts import scale_svg
from conceptlrp.atlas.pictures.page_boards import (
    explained_square,
    level_style,
    map_picture,
    page_board,
    position_kit,
    position_marks,
    position_words,
)
from conceptlrp.atlas.site import make_templates
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.explorer.board_squares import board_squares
from conceptlrp.explorer.engine import ExplorerEngine
from conceptlrp.explorer.state import CLICKS, DISCS, SHOWN, ExplorerState
from conceptlrp.lrp import Target
from conceptlrp.othello import PASS, Position
from conceptlrp.reference import ReferenceBoard, ReferenceBoards
from conceptlrp.report import PositionReport
from conceptlrp.report.explained_output import ExplainedOutput
from conceptlrp.report.words.channel import STRIP_WORDS
from conceptlrp.report.words.numbers import (
    effect,
    signed_amount,
    signed_percent,
)

_SIDES = ("black", "white")
_CLICK_WORDS = {
    "explain": "explains the move",
    "contrast": "contrasts it",
    "play": "plays it",
    "set": "sets a disc",
}
_DISC_WORDS = {"x": "black", "o": "white", "-": "empty"}


@dataclass(frozen=True)
class Choice:
    """One of several links of which one is chosen."""

    text: str
    href: str
    current: bool


@dataclass(frozen=True)
class MoveLinks:
    """Where the row of a move in the table of moves leads."""

    explain: str
    against: str
    play: str


@dataclass(frozen=True)
class ReferenceCard:
    """A reference board of the channel that is looked at."""

    svg: Markup
    score: str
    description: str
    href: str


def explorer_page(engine: ExplorerEngine, state: ExplorerState) -> str:
    """Write the page of a state."""
    report = engine.report(state.position, state.move, state.against)
    output = _shown(state, report)
    view = output_view(
        report.position,
        output,
        channel_href=lambda layer, channel: _channel_href(state, layer, channel),
        cell_href=lambda layer, channel: _channel_href(state, layer, channel),
    )
    return _TEMPLATES.get_template("explorer.html").render(
        engine=engine,
        state=state,
        report=report,
        output=view,
        kit=position_kit(report.position, mark=explained_square(output)),
        level_style=level_style(),
        side=_SIDES[report.position.mover],
        value=None if math.isnan(report.value) else effect(report.value),
        squares=board_squares(state, report),
        policy=list(zip(report.policy, _move_links(state, report), strict=True)),
        outputs=_outputs(state, report),
        clicks=_clicks(state),
        discs=_discs(state),
        places=_places(state, report.position),
        kept=_kept(state),
        looked=_looked_at(engine, state, output, report),
    )


def problem_page(sentence: str) -> str:
    """Write a page that says what is wrong with a request."""
    return _TEMPLATES.get_template("problem.html").render(sentence=sentence)


def _looked_at(
    engine: ExplorerEngine,
    state: ExplorerState,
    output: ExplainedOutput,
    report: PositionReport,
) -> dict[str, Any] | None:
    """Collect what the page says about the channel that is looked at, if one is."""
    if state.layer is None or state.channel is None:
        return None
    layer, channel = state.layer, state.channel
    engine.check_channel(layer, channel)
    found = output.layers[layer].channel(channel)
    limit = symmetric_limit(found.heatmap)
    title = f"Conditional heatmap of channel {channel} of {layer}"
    last = engine.layers[layer] - 1
    return {
        "found": found,
        "channels": last + 1,
        "svg": map_picture(report.position, found.heatmap, limit, title),
        "scale": scale_svg(limit, unit=output.unit),
        "summed": signed_amount(float(found.heatmap.sum())),
        "unit": output.unit,
        "previous": _channel_href(state, layer, channel - 1) if channel else None,
        "next": _channel_href(state, layer, channel + 1) if channel < last else None,
        "close": replace(state, layer=None, channel=None).href,
        **_strips(state, engine.references(layer, channel, output.target)),
    }


def _strips(
    state: ExplorerState, strips: tuple[ReferenceBoards, ReferenceBoards]
) -> dict[str, Any]:
    """Draw the reference boards, all on one scale of colours."""
    maps = [strip.heatmaps for strip in strips if strip.heatmaps is not None]
    limit = max((symmetric_limit(each) for each in maps), default=0.0)
    titles = (STRIP_WORDS[name][0] for name in ("relevant", "opposed"))
    titled = zip(titles, strips, strict=True)
    return {
        "strips": [(title, _cards(state, strip, limit)) for title, strip in titled],
        "target": strips[0].target,
        "strip_scale": scale_svg(limit, unit=Target.parse(strips[0].target).unit)
        if limit
        else None,
    }


def _shown(state: ExplorerState, report: PositionReport) -> ExplainedOutput:
    """Return the output whose heatmap is shown, the move where it is not there."""
    by_name = {
        "move": report.move,
        "value": report.value_output,
        "contrast": report.contrast,
    }
    return by_name[state.show] or report.move


def _channel_href(state: ExplorerState, layer: str, channel: int) -> str:
    return f"{replace(state, layer=layer, channel=channel).href}#channel"


def _move_links(state: ExplorerState, report: PositionReport) -> list[MoveLinks]:
    chosen = report.move.target
    links = []
    for each in report.policy:
        explain = replace(state, move=each.move, against=None, show="move").href
        other = replace(state, move=chosen, against=each.move, show="contrast").href
        plays = each.square != PASS or report.position.must_pass
        play = state.played(each.square).href if plays else ""
        links.append(MoveLinks(explain, "" if each.move == chosen else other, play))
    return links


def _outputs(state: ExplorerState, report: PositionReport) -> list[Choice]:
    found = zip(SHOWN, (report.move, report.value_output, report.contrast), strict=True)
    shown = _shown(state, report)
    return [
        Choice(output_title(output), replace(state, show=name).href, output is shown)
        for name, output in found
        if output is not None
    ]


def _clicks(state: ExplorerState) -> list[Choice]:
    return [
        Choice(_CLICK_WORDS[name], replace(state, click=name).href, name == state.click)
        for name in CLICKS
    ]


def _discs(state: ExplorerState) -> list[Choice]:
    return [
        Choice(_DISC_WORDS[name], replace(state, disc=name).href, name == state.disc)
        for name in DISCS
    ]


def _places(state: ExplorerState, position: Position) -> list[tuple[str, str]]:
    """Other positions: a move back, the start, the other side to move, no discs."""
    size = position.size
    other = Position(position.opponent, position.own, 1 - position.mover, size)
    empty = Position(0, 0, size=size)
    found = [("Undo", state.undone().href)] if state.moves else []
    if state.at(Position.start(size)).href != state.href:
        found.append(("Start position", state.at(Position.start(size)).href))
    found.append((f"{_SIDES[other.mover].title()} to move", state.at(other).href))
    if state.click == "set":
        found.append(("Empty board", state.at(empty).href))
    return found


def _kept(state: ExplorerState) -> list[tuple[str, str]]:
    """Return what a form that leads to another board keeps."""
    kept = ("click", "disc", "layer", "channel", "show")
    return [(name, value) for name, value in state.changed().items() if name in kept]


def _cards(
    state: ExplorerState, boards: ReferenceBoards, limit: float
) -> list[ReferenceCard]:
    heatmaps = boards.heatmaps
    return [
        ReferenceCard(
            svg=_reference(board, None if heatmaps is None else heatmaps[place], limit),
            score=signed_percent(board.score),
            description=board.description,
            href=state.at(board.position).href,
        )
        for place, board in enumerate(boards.boards)
        if board.score
    ]


def _reference(board: ReferenceBoard, heatmap: Any, limit: float) -> Markup:
    position = board.position
    return page_board(
        position.size,
        position_words(position),
        position_marks(position),
        heatmap=heatmap,
        limit=limit,
    )


_TEMPLATES = make_templates("conceptlrp.explorer", "conceptlrp.atlas")
