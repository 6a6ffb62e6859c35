"""The program around a sandbox: `python -I -S recorder.py SETTING... -- COMMAND...`.

See `recording.py`, which it finds without an installation: it is started with the standard library
alone, and never looks for modules where an agent could have put some.
"""

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
    from ptb_lite.provenance.recording import main

    sys.exit(main())
