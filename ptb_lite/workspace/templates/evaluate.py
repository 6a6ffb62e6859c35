"""Score a model folder of this workspace: `python evaluate.py [--model FOLDER] [--json]`."""

from ptb_lite.evaluation.workspace_main import main

if __name__ == "__main__":
    raise SystemExit(main())
