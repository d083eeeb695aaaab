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
from conceptlrp.othello.boards import corpus_of_boards, corpus_of_positions
from conceptlrp.othello.corpus import Corpus
from conceptlrp.othello.game_file import GameFile
from conceptlrp.othello.game_lines import read_game_lines
from conceptlrp.othello.game_records import read_ggf, read_logistello
from conceptlrp.othello.games import Games, judge
from conceptlrp.othello.notation import (
    parse_square,
    parse_transcript,
    square_name,
    transcript_text,
)
from conceptlrp.othello.position import Position
from conceptlrp.othello.replay import Replay, replay
from conceptlrp.othello.symmetry import (
    canonical,
    compose,
    inverse,
    turn,
    turn_maps,
    turn_squares,
)
from conceptlrp.othello.transcripts import (
    read_transcripts,
    transcripts_text,
    write_transcripts,
)
from conceptlrp.othello.wthor import read_names, read_wthor

__all__ = [
    "BLACK",
    "NO_MOVE",
    "PASS",
    "REGION",
    "WHITE",
    "Corpus",
    "GameFile",
    "Games",
    "Position",
    "Replay",
    "canonical",
    "compose",
    "corpus_of_boards",
    "corpus_of_positions",
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
    "read_game_lines",
    "read_ggf",
    "read_logistello",
    "read_names",
    "read_transcripts",
    "read_wthor",
    "replay",
    "square_name",
    "squares",
    "start",
    "to_boards",
    "transcript_text",
    "transcripts_text",
    "turn",
    "turn_maps",
    "turn_squares",
    "write_transcripts",
]
