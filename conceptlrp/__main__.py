"""Run the command line as ``python -m conceptlrp``."""

from conceptlrp.cli.program import main

if __name__ == "__main__":
    main()
