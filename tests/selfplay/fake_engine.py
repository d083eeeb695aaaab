"""An engine that speaks the Go Text Protocol and fails as it is told.

Run as ``python fake_engine.py FAULT AFTER``: after so many answers to genmove it
dies, hangs, plays an illegal move, passes, says it failed, or talks nonsense.
"""

import sys
import time

from conceptlrp.othello import PASS, Position, parse_square, square_name
from conceptlrp.othello.board import squares


def main() -> None:
    fault, after = sys.argv[1], int(sys.argv[2])
    position, answers = Position.start(), 0
    for line in sys.stdin:
        word, *arguments = line.split()
        answer = "= "
        if word == "name":
            answer = "= fake"
        elif word == "clear_board":
            position = Position.start()
        elif word == "play":
            position = position.play(parse_square(arguments[1]))
        elif word == "genmove":
            answers += 1
            if fault == "no-fault" or answers <= after:
                moves = squares(position.legal_word) or [PASS]
                answer = f"= {square_name(moves[0]).upper()}"
            elif fault == "die":
                sys.exit(3)
            elif fault == "hang":
                time.sleep(60)
            else:
                answer = {
                    "illegal": "= a1",
                    "pass": "= PASS",
                    "fail": "? out of memory",
                    "nonsense": "= knight to c3",
                }[fault]
        sys.stdout.write(f"{answer}\n\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
