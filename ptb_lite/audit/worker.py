"""`python -m ptb_lite.audit.worker`: the process in which the detectors of one audit run."""

from __future__ import annotations

import sys

from ptb_lite.audit.isolation.server import serve

if __name__ == "__main__":
    sys.exit(serve())
