"""The worker, started as a file by the Python of another environment: `python -I elsewhere.py JOB`.

That environment has vLLM and not this package: the package is taken from where this file lies, so
that the same code scores, and nothing else of this environment is found there.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2]


def main() -> int:
    spec = spec_from_file_location(
        "ptb_lite", _PACKAGE / "__init__.py", submodule_search_locations=[str(_PACKAGE)]
    )
    assert spec is not None
    assert spec.loader is not None
    sys.modules["ptb_lite"] = package = module_from_spec(spec)
    spec.loader.exec_module(package)
    from ptb_lite.evaluation.engine import worker

    return worker.main(sys.argv[1:])


# A process that vLLM starts imports this file again and must not start a worker.
if __name__ == "__main__":
    raise SystemExit(main())
