"""`python -m ptb_lite.tui.served RUNS_DIR [RUN_ID]...`: started by the server for each visitor."""

from __future__ import annotations

import sys

from ptb_lite.tui.served.app import main

if __name__ == "__main__":
    main(sys.argv[1:])
