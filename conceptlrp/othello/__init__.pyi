from .board import (
    BLACK as BLACK,
    NO_MOVE as NO_MOVE,
    PASS as PASS,
    WHITE as WHITE,
    flips as flips,
    legal_moves as legal_moves,
    phases as phases,
    play as play,
)
from .corpus import (
    Corpus as Corpus,
)
from .files.transcripts import (
    write_transcripts as write_transcripts,
)
from .games import (
    Games as Games,
)
from .position import (
    Position as Position,
    parse_square as parse_square,
    parse_transcript as parse_transcript,
    square_name as square_name,
    transcript_text as transcript_text,
)
from .symmetry import (
    symmetry_words as symmetry_words,
)
from .twins import (
    game_keys as game_keys,
)

__all__ = [
    "BLACK",
    "NO_MOVE",
    "PASS",
    "WHITE",
    "Corpus",
    "Games",
    "Position",
    "flips",
    "game_keys",
    "legal_moves",
    "parse_square",
    "parse_transcript",
    "phases",
    "play",
    "square_name",
    "symmetry_words",
    "transcript_text",
    "write_transcripts",
]
