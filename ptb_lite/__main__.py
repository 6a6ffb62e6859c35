"""`python -m ptb_lite` is `ptb-lite`."""

from __future__ import annotations

from ptb_lite.cli import main

if __name__ == "__main__":
    main()
