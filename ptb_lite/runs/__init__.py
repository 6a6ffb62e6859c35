"""A run's folder and its journal: written by the runner, followed by everyone else."""
