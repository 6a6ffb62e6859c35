"""One file per phase of a run. Each leaves its product on disk, so that a later phase, or a
resumed run, needs nothing else."""
