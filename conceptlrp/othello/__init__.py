"""The game: boards as bitboards, legal moves, symmetries, game files, corpora."""

from conceptlrp.othello.board import (
    BLACK,
    NO_MOVE,
    PASS,
    REGION,
    WHITE,
    count,
    final_score,
    flips,
    is_over,
    legal_moves,
    perft,
    play,
    squares,
    start,
    to_boards,
)
from conceptlrp.othello.games import Games, judge
from conceptlrp.othello.notation import (
    parse_square,
    parse_transcript,
    square_name,
    transcript_text,
)
from conceptlrp.othello.replay import Replay, replay
from conceptlrp.othello.symmetry import (
    canonical,
    compose,
    inverse,
    turn,
    turn_maps,
    turn_squares,
)

__all__ = [
    "BLACK",
    "NO_MOVE",
    "PASS",
    "REGION",
    "WHITE",
    "Games",
    "Replay",
    "canonical",
    "compose",
    "count",
    "final_score",
    "flips",
    "inverse",
    "is_over",
    "judge",
    "legal_moves",
    "parse_square",
    "parse_transcript",
    "perft",
    "play",
    "replay",
    "square_name",
    "squares",
    "start",
    "to_boards",
    "transcript_text",
    "turn",
    "turn_maps",
    "turn_squares",
]
