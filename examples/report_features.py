"""What every channel of a layer has learned, the ones with evidence first.

python examples/report_features.py run.crp conv3
"""

import sys

import conceptlrp as cl
from conceptlrp.report import ChannelReport


def main(path: str, layer: str) -> list[ChannelReport]:
    """Print a line for each channel, then all that is known of the first."""
    store = cl.open_store(path)

    # Named channels come first, then those that carry most of the relevance.
    reports = sorted(
        cl.layer_report(store, layer),
        key=lambda report: (not report.name.is_named, report.statistics.rank),
    )

    for report in reports:
        share = f"{report.statistics.magnitude:6.1%}"
        moves = ", ".join(each.move for each in report.moves[:3])
        print(f"{layer}:{report.channel:<4}{share}  {report.name!s:<24}moves {moves}")
    print(f"\n{reports[0].text()}")
    return reports


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
