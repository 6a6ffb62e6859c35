"""The agent phase: a command in a sandbox, on the clock, watched and followed."""
