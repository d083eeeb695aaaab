"""The boards on which a channel matters most, with where they come from.

python examples/top_boards.py run.crp conv3 17
"""

import sys

import conceptlrp as cl


def main(
    path: str, layer: str, channel: int, count: int = 4
) -> cl.reference.ReferenceBoards:
    """Print the reference boards of a channel, most relevant first."""
    store = cl.open_store(path)
    boards = cl.reference_boards(store, layer, channel, count, by="share")

    # Such as that the channel never speaks for the output.
    if boards.note:
        print(boards.note)
    for place in range(len(boards)):
        print(f"{boards.scores[place]:+.1%} of the layer's relevance")
        print(f"{boards.descriptions[place]}, played {boards.played[place]}")
        print(boards.positions[place].diagram())
        print(boards.positions[place].obf(), end="\n\n")
    return boards


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
