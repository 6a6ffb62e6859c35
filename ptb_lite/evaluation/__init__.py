"""Evaluation: lm-eval as the engine, in its own process; items, jobs and results as data."""
