"""The program: its verbs, its options, and how it fails."""

import os
import re
import signal
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer

from conceptlrp import __version__
from conceptlrp.cli.channels.ablate import ablate
from conceptlrp.cli.channels.check_network import check_network
from conceptlrp.cli.channels.circuit import circuit
from conceptlrp.cli.channels.cluster import cluster
from conceptlrp.cli.channels.compare import compare
from conceptlrp.cli.channels.edits import edits
from conceptlrp.cli.channels.evaluate import evaluate
from conceptlrp.cli.channels.explain import explain
from conceptlrp.cli.channels.graph import graph
from conceptlrp.cli.channels.interchange import interchange
from conceptlrp.cli.channels.label import label
from conceptlrp.cli.channels.report import report
from conceptlrp.cli.channels.truth import truth
from conceptlrp.cli.games.arena import arena
from conceptlrp.cli.games.corpus import corpus
from conceptlrp.cli.games.selfplay import selfplay
from conceptlrp.cli.games.strength import strength
from conceptlrp.cli.games.train import train
from conceptlrp.cli.outputs.atlas import atlas
from conceptlrp.cli.outputs.demo import demo
from conceptlrp.cli.outputs.export import export
from conceptlrp.cli.outputs.figure import figure
from conceptlrp.cli.outputs.serve import serve
from conceptlrp.cli.stores.attribute import attribute, merge
from conceptlrp.cli.stores.info import check, info, repack
from conceptlrp.cli.stores.query import query
from conceptlrp.cli.stores.top import top
from conceptlrp.cli.tables import remark
from conceptlrp.errors import ConceptLRPError
from conceptlrp.processes import end_in_order

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# typer brings its own copy of click now, so the base of its errors cannot be
# imported under one name for all versions.
# A line of OBF, which mostly begins with an empty a1 and would be taken for an option.
_BOARD = re.compile(r"-[-.xo*]+\s+[xo*]", re.IGNORECASE)
_ClickError: Any = typer.BadParameter.__mro__[2]


def main() -> None:
    """Run the command line and exit with its code."""
    # In one line, without the line of code that it comes from.
    warnings.showwarning = lambda message, *_, **__: remark(str(message))
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        # What workers, hidden folders and locks there are goes before the program.
        signal.signal(signal.SIGTERM, end_in_order)
    try:
        given = [f" {each}" if _BOARD.match(each) else each for each in sys.argv[1:]]
        code = app(given or ["--help"], standalone_mode=False)
        sys.stdout.flush()
    except _ClickError as error:
        _fail(_usage(error), code=2)
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except (ConceptLRPError, ValueError) as error:
        _fail(str(error))
    except OSError as error:
        _fail(_reason(error))
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, *, code: int = 1) -> NoReturn:
    sys.stderr.write(f"conceptlrp: {' '.join(message.split())}\n")
    sys.exit(code)


def _reason(error: OSError) -> str:
    if error.strerror is None:
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror.lower()}"


def _usage(error: Any) -> str:
    """Put an error of usage in the words of the others."""
    text = error.format_message().removeprefix("Invalid value: ").rstrip(".")
    verb = f" {error.ctx.info_name}" if error.ctx and error.ctx.parent else ""
    return f"{text[:1].lower()}{text[1:]}; see 'conceptlrp{verb} --help'"


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version.")
    ] = False,
) -> None:
    """Tell what each channel of an AlphaZero-style Othello network has learned."""
    if version:
        typer.echo(f"conceptlrp {__version__}")


_VERBS = {
    "Games and networks": (corpus, train, selfplay, arena, strength, check_network),
    "Stores of relevance": (attribute, merge, info, check, repack, top, query),
    "What channels do": (
        *(explain, cluster, label, interchange, edits, ablate, graph, circuit),
        *(evaluate, truth, report, compare),
    ),
    "Pages, figures and files": (demo, atlas, serve, figure, export),
}
for _panel, _verbs in _VERBS.items():
    for _verb in _verbs:
        app.command(rich_help_panel=_panel)(_verb)
