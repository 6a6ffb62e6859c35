"""Runs of a folder as rows, and side by side."""
