"""How much a channel carries, for what, where and when, and what it is related to.

Shapes use n x n squares.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from conceptlrp.labelling.channel_name import INTERCHANGE
from conceptlrp.labels import LOCATION_CLASSES, location_classes
from conceptlrp.othello import BLACK
from conceptlrp.report.stored_layer import MAPS_OF, crop
from conceptlrp.report.words.numbers import (
    compact,
    percent,
    plural,
    signed_amount,
    signed_percent,
)
from conceptlrp.statistics.intervals import FEW_GAMES, between, effect

if TYPE_CHECKING:
    from conceptlrp.reference import ReferenceBoard
    from conceptlrp.report.channel import ChannelReport
    from conceptlrp.report.findings import ChannelEffect, WiredChannel
    from conceptlrp.report.statistics import MoveStatistics

_BOARDS = 3
# A mean share below this part of its magnitude leans to no side.
_LEANING = 0.2
# Relevance on one kind of squares, or in one phase, beyond its even part by this
# factor is worth a word; phases of fewer positions say little.
_CONCENTRATED, _FULL = 1.25, 30
# How many times the usual magnitude a move has to have, and how many are named.
_STANDING_OUT, _MOVES = 1.5, 5
_PLACES = {"corner": "corners", "center": "the four squares in the centre"}
# How much more than if spread evenly, and how much of the whole, is worth a word.
_DENSE, _SUBSTANTIAL = 1.5, 0.05
_PLACES_NAMED, _SQUARES_NAMED = 3, 4
# How many times its even part a square has to have to be named at a glance.
_STRONG, _GLANCED = 3, 3
_KINDS = {
    "own": "the mover's discs",
    "opponent": "the opponent's discs",
    "empty": "empty squares",
}

#: Strips of boards: title, and what the order is.
STRIP_WORDS = {
    "relevant": (
        "Most relevant",
        "Largest positive share of the layer's relevance: it speaks for the output.",
    ),
    "opposed": (
        "Most opposed",
        "Largest negative share of the layer's relevance: it speaks against it.",
    ),
    "active": (
        "Most active",
        "Largest activation, whether or not the explained output uses it.",
    ),
    "inactive": (
        "Least active",
        "Lowest activation, whether or not the explained output uses it.",
    ),
    "quantiles": (
        "From most to least",
        "Evenly spaced ranks by share: what the channel does besides its extremes.",
    ),
    "random": (
        "At random",
        "The same positions for every channel, whatever it does there.",
    ),
}


def leaning(report: "ChannelReport") -> str:
    """Say which way its mean share leans: "for", "against" or "both"."""
    found = report.statistics
    if abs(found.mean_share) < _LEANING * found.magnitude:
        return "both"
    return "for" if found.mean_share > 0 else "against"


def _phase_range(report: "ChannelReport") -> list[tuple[float, int]]:
    """Find the ten plies with the least and with the largest magnitude, if any."""
    known = [
        (each.magnitude, each.first)
        for each in report.phases
        if each.magnitude is not None and each.positions >= _FULL
    ]
    return [] if len(known) < 2 else [min(known), max(known)]


def role(report: "ChannelReport") -> str:
    """Say in a sentence how much the channel carries, for what, where and when."""
    found = report.statistics
    positions = plural(found.positions, "position")
    if found.dead:
        return (
            f"It is dead: its activation is zero on all {positions}, so that nothing "
            "passes through it."
        )
    if not found.relevant:
        return (
            f"It is active on {percent(found.active)} of {positions}, and the output "
            "never draws on it."
        )
    sides = {"both": "for the output about as much as against it"}
    side = sides.get(leaning(report), f"mostly {leaning(report)} the output")
    carries = (
        f"It carries {percent(found.magnitude)} of the relevance of {report.layer}"
        f"{report.above} (rank {found.rank} of {report.channels})"
    )
    return f"{', '.join([carries, side, *_where_and_when(report)])}."


def _where_and_when(report: "ChannelReport") -> Iterator[str]:
    kinds = [
        (each.relevance / each.squares, each, _KINDS[name])
        for name, each in (report.regions or {}).items()
        if name in _KINDS and each.squares > 0
    ]
    factor, found, kind = max(kinds, default=(0.0, None, ""), key=lambda x: x[0])
    if found is not None and factor >= _CONCENTRATED:
        part, even = percent(found.relevance), percent(found.squares)
        where = f"{part} of it, on {even} of the squares"
        yield f"through {kind} more than elsewhere ({where})"
    if phases := _phase_range(report):
        (least, _), (most, first) = phases
        above = f"above all in moves {first + 1} to {first + 10}"
        yield "all through the game" if most < _CONCENTRATED * least else above


def shares(report: "ChannelReport") -> dict[float, str]:
    """Write the quantiles of the share, by level."""
    found = report.statistics.share_quantiles
    return {level: signed_percent(share) for level, share in found}


def amount_lines(report: "ChannelReport") -> Iterator[str]:
    """Say how much the channel carries, and on how many positions."""
    yield role(report)
    found = report.statistics
    if not found.relevant:
        return
    at = shares(report)
    spread = f"half of the positions lie between {at[0.25]} and {at[0.75]}, all between"
    spread = f"; {spread} {at[0.0]} and {at[1.0]}" if found.positions > 1 else ""
    yield (
        f"It is active on {percent(found.active)} of "
        f"{plural(found.positions, 'position')} and relevant on "
        f"{percent(found.relevant)}. Its mean share towards '{report.target}' is "
        f"{signed_percent(found.mean_share)}{spread}."
    )


def location_lines(report: "ChannelReport") -> Iterator[str]:
    """Say where the relevance of a channel lies, if there are heatmaps."""
    share = _map_share(report)
    if share is None or report.regions is None:
        return
    part = {name: percent(each.relevance) for name, each in report.regions.items()}
    even = {name: percent(each.squares) for name, each in report.regions.items()}
    yield (
        f"In the heatmaps of {MAPS_OF[report.maps_of]}, {part['own']} of its "
        f"relevance lies on the mover's discs ({even['own']} of the squares), "
        f"{part['opponent']} on the opponent's ({even['opponent']}) and "
        f"{part['empty']} on empty squares ({even['empty']}); legal moves hold "
        f"{part['legal']} ({even['legal']})."
    )
    dense = _densest(share)
    near = "It is spread over the board."
    if dense is not None:
        square, most, part_of_board = dense
        near = f"The nine squares around {square} have {percent(most)} of it "
        near += f"({percent(part_of_board)} of the squares)."
    strongest = ", ".join(f"{name} {percent(part)}" for name, part in _squares(share))
    yield f"{near} Strongest squares: {strongest}."
    places = _places(share)
    if places:
        yield f"Kinds of squares with more than their share: {places}."


def _map_share(report: "ChannelReport") -> NDArray[np.float64] | None:
    """Share out the magnitude of its heatmaps among the squares, if there is any."""
    maps = report.mean_positive, report.mean_negative
    if maps[0] is None or maps[1] is None:
        return None
    magnitude = maps[0] - maps[1]
    total = float(magnitude.sum())
    return magnitude / total if total else None


def _densest(share: NDArray[np.float64]) -> tuple[str, float, float] | None:
    """Find the middle of the 3 x 3 squares that have most, if far more than evenly."""
    inner = len(share) - 2
    windows = np.lib.stride_tricks.sliding_window_view(share, (3, 3)).sum(axis=(2, 3))
    row, column = divmod(int(windows.argmax()), inner)
    most, even = float(windows[row, column]), 9 / share.size
    square = f"{'abcdefgh'[column + 1]}{row + 2}"
    return (square, most, even) if most >= _DENSE * even else None


def _places(share: NDArray[np.float64]) -> str:
    """Name the location classes that have more than their share of a map."""
    size = len(share)
    classes = crop(location_classes(size).reshape(8, 8), size)
    found = []
    for number, name in enumerate(LOCATION_CLASSES):
        inside = classes == number
        part, even = float(share[inside].sum()), float(inside.mean())
        if part >= _SUBSTANTIAL and part >= _DENSE * even:
            place = _PLACES.get(name, f"{name}-squares")
            found.append((part / even, f"{place} {percent(part)} ({percent(even)})"))
    return ", ".join(t for _, t in sorted(found, reverse=True)[:_PLACES_NAMED])


def _squares(share: NDArray[np.float64]) -> list[tuple[str, float]]:
    size = len(share)
    order = np.argsort(-share, axis=None, kind="stable")[:_SQUARES_NAMED].tolist()
    return [
        (f"{'abcdefgh'[i % size]}{i // size + 1}", float(share.flat[i])) for i in order
    ]


def strongest_squares(report: "ChannelReport") -> list[str]:
    """Name the squares that have far more of its heatmaps than their even part."""
    share = _map_share(report)
    if share is None:
        return []
    return [name for name, part in _squares(share) if part >= _STRONG / share.size]


def served_moves(report: "ChannelReport") -> list["MoveStatistics"]:
    """Find the explained moves where it has far more than on average, largest first."""
    least = _STANDING_OUT * report.statistics.magnitude
    return [each for each in report.moves[:_MOVES] if each.magnitude >= least]


def glance(report: "ChannelReport") -> str:
    """Say in a few words what is known of a channel without a name; "" for nothing."""
    if not report.statistics.relevant:
        return "dead" if report.statistics.dead else "never drawn on"
    if moves := served_moves(report):
        first = moves[0]
        leans = abs(first.mean_share) >= _LEANING * first.magnitude
        way = f"speaks {'for' if first.mean_share > 0 else 'against'}"
        same = [each.move for each in moves if each.mean_share * first.mean_share > 0]
        named = ", ".join(same[:_GLANCED]).replace("pa", "passes")
        return f"{way if leans else 'used for'} {named}"
    if squares := strongest_squares(report):
        return f"looks at {', '.join(squares[:_GLANCED])}"
    share = _map_share(report)
    dense = None if share is None else _densest(share)
    return "" if dense is None else f"looks around {dense[0]}"


def phase_lines(report: "ChannelReport") -> Iterator[str]:
    """Say in which ten moves the channel carries most and least."""
    found = _phase_range(report) if report.statistics.relevant else []
    if not found:
        return
    (least, quiet), (most, loud) = found
    if most < _CONCENTRATED * least:
        yield (
            f"About equally through the game: {percent(least)} to {percent(most)} of "
            "the layer's relevance in every ten moves."
        )
        return
    yield (
        f"Most in moves {loud + 1} to {loud + 10} ({percent(most)} of the layer's "
        f"relevance), least in moves {quiet + 1} to {quiet + 10} ({percent(least)})."
    )


def move_lines(report: "ChannelReport") -> Iterator[str]:
    """Name the explained moves where the channel has far more than on average."""
    usual = report.statistics.magnitude
    found = [
        f"{each.move} ({percent(each.magnitude)}, mean "
        f"{signed_percent(each.mean_share)}, {plural(each.positions, 'position')})"
        for each in served_moves(report)
    ]
    if found:
        moves = " or ".join(filter(None, [", ".join(found[:-1]), found[-1]]))
        yield f"Far above its {percent(usual)} where the explained move is {moves}."
    elif report.moves:
        yield "No explained move stands out."


def board_lines(report: "ChannelReport") -> Iterator[str]:
    """Name the first boards of the strips of extremes."""
    for name in report.shown[:-2]:
        strip = report.strips[name]
        write = compact if strip.by == "activation" else signed_percent
        none = "" if strip.boards else " none,"
        note = f"{none} {strip.note}." if strip.note else ""
        yield f"{strip_title(report, name)}:{note}"
        yield from (_board(board, write) for board in strip.boards[:_BOARDS])


def strip_title(report: "ChannelReport", name: str) -> str:
    """Return the title of a strip; of the first say that the name is about it."""
    title = STRIP_WORDS[name][0]
    # What a channel carries is not seen on its boards.
    described = report.name.is_named and report.name.measure != INTERCHANGE
    if not described or name != report.shown[0]:
        return title
    if report.strips[name].by == "share" and report.name.by != "share":
        return f"{title}, by share of the layer: the name is about {report.name.by}"
    if report.name.quantity != report.name.by:
        return f"{title}: the name is about squares of these boards"
    return f"{title}: the boards that the name is about"


def _board(board: "ReferenceBoard", write: Callable[[float], str]) -> str:
    side = "black" if board.position.mover == BLACK else "white"
    move = {"": "to move", "pa": "passes"}.get(board.played, f"plays {board.played}")
    return (
        f"- {write(board.score)} {board.description}: {side} {move} (row {board.row})"
    )


def ablation_lines(report: "ChannelReport") -> Iterator[str]:
    """Say what ablating the channel does, beside its control."""
    found = report.effects
    if found is None:
        return
    size, control = (
        f"{compact(getattr(found, name))} {effect_interval(found, name)}"
        for name in ("size", "control")
    )
    yield (
        f"With the channel replaced by its {found.ablation} on "
        f"{plural(found.positions, 'position')}, the output {_fall(found)} on average "
        f"({report.unit}). It changes by {size} in magnitude, rank {found.rank} of "
        f"{report.channels}."
    )
    beats = (
        f"A change of the same size elsewhere in the layer does {control}; {FEW_GAMES} "
        "do not tell the two apart."
        if found.few
        else f"That is {beats_words(found).lower()} ({control})."
    )
    moves = percent(found.moves_changed)
    yield f"{beats} Another move becomes the best on {moves} of the positions."
    if found.value is not None:
        ends = -(found.value_high or 0.0), -(found.value_low or 0.0)
        interval = between(*ends, signed_amount, 3, games=found.games)
        yield (
            f"The output of the value head changes by {signed_amount(-found.value)} "
            f"{interval} on average."
        )


def effect_interval(
    found: "ChannelEffect", name: str, write: Callable[[float, int], str] = compact
) -> str:
    """Write the interval of one of the numbers of an ablation."""
    low, high = (getattr(found, f"{name}_{end}") for end in ("low", "high"))
    return between(low, high, write, 3, games=found.games)


def beats_words(found: "ChannelEffect") -> str:
    """Compare an ablation with its control in words."""
    if found.few:
        return f"{FEW_GAMES.capitalize()} do not tell the two apart"
    more = "More" if found.beats_control else "Not clearly more"
    return f"{more} than a change of the same size elsewhere in the layer"


def _fall(found: "ChannelEffect") -> str:
    low, high = found.fall_low, found.fall_high
    falling = between(low, high, compact, 3, games=found.games)
    rising = between(-high, -low, compact, 3, games=found.games)
    if found.few or low <= 0 <= high:
        unclear = "" if found.few else ", in no clear direction,"
        return f"changes by {compact(0 - found.fall)} {rising}{unclear}"
    if not found.fall:
        return "stays the same"
    if found.fall < 0:
        return f"rises by {compact(-found.fall)} {rising}"
    return f"falls by {compact(found.fall)} {falling}"


def wiring_lines(report: "ChannelReport") -> Iterator[str]:
    """Name the channels of adjacent layers that the channel is wired to."""
    if report.upstream:
        yield f"It draws most on {_links(report.upstream)}."
    if report.downstream:
        yield f"Drawn on most by {_links(report.downstream)}."


def _links(links: "tuple[WiredChannel, ...]") -> str:
    return ", ".join(
        f"{each.layer}:{each.channel} ({percent(each.share)})" for each in links
    )


def alike_lines(report: "ChannelReport") -> Iterator[str]:
    """Name the channels that are used most alike."""
    pairs = [f"{n.channel} ({effect(n.cosine)})" for n in report.nearest[:3]]
    if pairs and report.statistics.relevant:
        yield f"Used most like channels {', '.join(pairs)} (cosine of the shares)."


def cluster_lines(report: "ChannelReport") -> Iterator[str]:
    """Name the clusters that have more or less of the channel."""
    for amount, sign in (("more", 1), ("less", -1)):
        named = [
            f"{each.cluster} ({plural(each.positions, 'position')}, effect size "
            f"{effect(each.effect)})"
            for each in report.clusters
            if sign * each.effect > 0
        ]
        if named:
            yield f"It marks clusters that have {amount} of it: {', '.join(named)}."
