"""Intervals, paired tests, policies, averages: pure functions."""
