"""Why one move and not another: channels and squares that speak for the difference.

python examples/contrast_moves.py f4 b3
python examples/contrast_moves.py f4 b3 f5d6c3d3c4 8x8_best.pth.tar

Without a transcript and a network, a usual opening and the network that ships are used.
"""

import sys

import numpy as np
from rich import print as show

import conceptlrp as cl
from conceptlrp.atlas import board_text


def main(
    move: str,
    other: str,
    transcript: str = "f5d6c3d3c4",
    network: str = "demo",
    *,
    count: int = 3,
) -> cl.Attribution:
    """Explain the logit of a move minus that of another, channel by channel."""
    net = cl.load_network(network)
    position = cl.Position.from_transcript(transcript)
    contrast = f"{move}-{other}"

    # One target: relevance that both moves share cancels before it is ranked.
    found = cl.attribute(net, position, targets=[contrast], conditional=True)

    print(f"logit of {move} minus logit of {other}: {found.explained[0, 0]:+.2f}")
    show(board_text(position, heatmap=found.heatmap[0, 0]))
    for layer, relevance in found.channel_relevance.items():
        order = np.argsort(-np.abs(relevance[0, 0]))[:count]
        for channel in order.tolist():
            heatmap = found.conditional[layer][0, 0, channel]
            row, column = divmod(int(np.abs(heatmap).argmax()), position.size)
            side = move if relevance[0, 0, channel] > 0 else other
            print(
                f"{layer}:{channel} {relevance[0, 0, channel]:+.3f} speaks for {side}, "
                f"most of all by {'abcdefgh'[column]}{row + 1}"
            )
    return found


if __name__ == "__main__":
    main(*sys.argv[1:5])
