"""What the explorer's page shows, as its template asks for it.

Shapes use n x n squares.
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from conceptlrp.atlas.pages.position_pages import (
    output_title,
    output_view,
    two_moves,
)
from conceptlrp.atlas.pictures.page_boards import (
    explained_square,
    heat_text,
    page_board,
)
from conceptlrp.atlas.site import make_templates
from conceptlrp.drawing.colors import symmetric_limit
from conceptlrp.explorer.atlas_files import AtlasFiles
from conceptlrp.explorer.engine import ExplorerEngine
from conceptlrp.explorer.search import SearchedMove
from conceptlrp.explorer.state import SHOWN, ExplorerState
from conceptlrp.lrp import Intervened
from conceptlrp.lrp.targets import unit_of
from conceptlrp.networks.prediction import expected_outcome
from conceptlrp.othello import BLACK, Position, parse_transcript, square_name
from conceptlrp.reference.boards import ReferenceBoard, to_copy
from conceptlrp.report import PositionReport
from conceptlrp.report.explained_output import ChannelMap, ExplainedOutput
from conceptlrp.report.position import MovePolicy, move_policies
from conceptlrp.report.stored_layer import StoredResults, crop
from conceptlrp.report.words.channel import STRIP_WORDS
from conceptlrp.report.words.numbers import signed_amount, signed_percent

_TEMPLATES = make_templates("conceptlrp.explorer", "conceptlrp.atlas")


@dataclass(frozen=True)
class Shown:
    """What a page is about: a state, what is explained at it, and by which names."""

    engine: ExplorerEngine
    state: ExplorerState
    atlas: AtlasFiles = field(default_factory=AtlasFiles)

    @cached_property
    def report(self) -> PositionReport:
        """The report of the position."""
        state = self.state
        return self.engine.report(state.position, state.move, state.against)

    @property
    def outputs(self) -> dict[str, ExplainedOutput]:
        """What is explained, by the names of `SHOWN`."""
        report = self.report
        found = zip(
            SHOWN, (report.move, report.value_output, report.contrast), strict=True
        )
        return {name: output for name, output in found if output is not None}

    @property
    def output(self) -> ExplainedOutput:
        """The output whose heatmap is shown, the move where it is not there."""
        return self.outputs.get(self.state.show, self.report.move)

    @cached_property
    def names(self) -> StoredResults:
        """What names channels."""
        return self.engine.results(self.output.target)

    def href(self, layer: str, channel: int) -> str:
        """Address of the page that looks at a channel."""
        return f"{self.state.but(layer=layer, channel=channel).href}#channel"

    def place(self, board: ReferenceBoard) -> ExplorerState:
        """Return the state at a board of the store, in its game where that is known."""
        corpus = self.engine.store.positions
        moves = corpus.transcript(board.row, whole=True)
        if not moves or board.symmetry:
            return self.state.at(board.position)
        game = self.state.at(Position.start(corpus.size))
        made = len(corpus.transcript(board.row)) // 2
        return game.but(moves=tuple(parse_transcript(moves, corpus.size))).after(made)

    @property
    def looked(self) -> ChannelMap | None:
        """The channel that is looked at, if one is."""
        layer, channel = self.state.layer, self.state.channel
        if layer is None or channel is None:
            return None
        self.engine.check_channel(layer, channel)
        return self.output.layers[layer].channel(channel)

    @cached_property
    def steered(self) -> Intervened | None:
        """What the network says with the channels changed, if some are."""
        position, changes = self.state.position, self.state.changes
        return self.engine.steer(position, changes) if changes else None

    @property
    def policy_after(self) -> dict[str, MovePolicy]:
        """The moves with the channels changed, likeliest first; as they are if none."""
        found, policy = self.steered, self.report.policy
        if found is not None:
            policy = move_policies(self.state.position, found.logits[0, 0])
        return {each.move: each for each in policy}

    @property
    def value_after(self) -> float:
        """The expected outcome with the channels changed, nan without a value."""
        if self.steered is None:
            return self.report.value
        value = self.steered.value[0, 0]
        return float(expected_outcome(value, self.engine.value_kind))

    def searched(self) -> tuple[SearchedMove, ...]:
        """Search the position, if that is asked for and possible."""
        state, report = self.state, self.report
        if state.search is None or math.isnan(report.value) or report.position.is_over:
            return ()
        return self.engine.search(state.position, state.search)

    def similar(self) -> tuple[ReferenceBoard, ...]:
        """Find positions of the store that are like this one, if that is asked for."""
        state, output = self.state, self.output
        if state.similar is None:
            return ()
        # Contrasts are of two moves of this position, which others need not have.
        output = self.report.move if output is self.report.contrast else output
        return self.engine.similar(state.position, state.similar, output)


def explorer_page(shown: Shown) -> str:
    """Write the page of a state."""
    report, output, href = shown.report, shown.output, shown.href
    view = output_view(
        report.position, output, channel_href=href, cell_href=href, names=shown.names
    )
    return _TEMPLATES.get_template("explorer.html").render(
        shown=shown,
        engine=shown.engine,
        state=shown.state,
        names=shown.names.names,
        badges=shown.names.badges,
        report=report,
        output=view,
        side="black" if report.position.mover == BLACK else "white",
        has_value=not math.isnan(report.value),
    )


def problem_page(sentence: str) -> str:
    """Write a page that says what is wrong with a request."""
    return _TEMPLATES.get_template("problem.html").render(sentence=sentence)


def channel_map(shown: Shown) -> dict[str, Any]:
    """Write the map of the channel that is looked at, as boards hold it."""
    found, unit = shown.looked, shown.output.unit
    if found is None:
        msg = "no channel is looked at; give 'layer' and 'channel'"
        raise ValueError(msg)
    letters, largest = heat_text(crop(found.heatmap, shown.engine.size))
    amount, share = signed_amount(found.relevance), signed_percent(found.share)
    return {
        "h": letters,
        "s": largest,
        "place": f"{found.layer}:{found.channel}",
        "name": shown.names.names.get((found.layer, found.channel), ""),
        "about": f"{amount} {unit}, {share} of {found.layer}",
    }


def steering(shown: Shown) -> dict[str, Any]:
    """Write what the network says with the channels changed."""
    if shown.steered is None:
        msg = "nothing is changed; give 'change:LAYER:CHANNEL'"
        raise ValueError(msg)
    return shown.steered.to_dict()


def with_disc(position: Position, square: int, disc: str) -> Position:
    """Return a position with a disc, or nothing, on one square."""
    bit = 1 << square
    black, white = position.black & ~bit, position.white & ~bit
    black |= bit if disc == "x" else 0
    white |= bit if disc == "o" else 0
    own, opponent = (black, white) if position.mover == BLACK else (white, black)
    return Position(own, opponent, position.mover, position.size)


_TEMPLATES.filters |= {"square_name": square_name, "symmetric_limit": symmetric_limit}
_TEMPLATES.globals |= {
    "strip_words": STRIP_WORDS,
    "texts_of": to_copy,
    **{
        each.__name__: each
        for each in (
            *(explained_square, output_title, page_board, symmetric_limit),
            *(two_moves, unit_of, with_disc, Position),
        )
    },
}
