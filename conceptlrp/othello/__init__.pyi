from .board import (
    BLACK as BLACK,
    NO_MOVE as NO_MOVE,
    PASS as PASS,
    WHITE as WHITE,
    flips as flips,
    legal_moves as legal_moves,
    perft as perft,
    play as play,
)
from .boards import (
    corpus_of_boards as corpus_of_boards,
    corpus_of_positions as corpus_of_positions,
)
from .corpus import (
    Corpus as Corpus,
)
from .game_file import (
    GameFile as GameFile,
)
from .game_records import (
    read_ggf as read_ggf,
    read_logistello as read_logistello,
)
from .games import (
    Games as Games,
)
from .notation import (
    parse_square as parse_square,
    parse_transcript as parse_transcript,
    square_name as square_name,
    transcript_text as transcript_text,
)
from .position import (
    Position as Position,
)
from .transcripts import (
    read_transcripts as read_transcripts,
    write_transcripts as write_transcripts,
)
from .wthor import (
    read_wthor as read_wthor,
)

__all__ = [
    "BLACK",
    "NO_MOVE",
    "PASS",
    "WHITE",
    "Corpus",
    "GameFile",
    "Games",
    "Position",
    "corpus_of_boards",
    "corpus_of_positions",
    "flips",
    "legal_moves",
    "parse_square",
    "parse_transcript",
    "perft",
    "play",
    "read_ggf",
    "read_logistello",
    "read_transcripts",
    "read_wthor",
    "square_name",
    "transcript_text",
    "write_transcripts",
]
