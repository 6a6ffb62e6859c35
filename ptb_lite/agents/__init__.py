"""One file per backend: how to start an agent and read its events."""
