"""A record of which process of an agent read, wrote, renamed or deleted which file."""

from pathlib import Path

VERSION = 1
"""Of the lines of a record."""
RECORD, COPIES = "record.jsonl", "copies"
"""In a record's folder: its lines, and copies of what would be gone, each named by its SHA-256."""
RECORDER = Path(__file__).with_name("recorder.py")
"""The program around a sandbox."""
SHIM = Path(__file__).with_name("shim.py")
"""The last program before the agent's command, inside of it."""
