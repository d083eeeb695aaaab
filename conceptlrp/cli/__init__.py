"""The command line: one verb a stage.

Errors of the input are one line on stderr that starts with ``conceptlrp:`` and
exit code 1; wrong usage is such a line too and exits with 2, Ctrl-C with 130.
torch and scikit-learn are imported by the verbs that need them, so that
``--help`` stays quick.
"""

from conceptlrp.cli.program import main

__all__ = ["main"]
