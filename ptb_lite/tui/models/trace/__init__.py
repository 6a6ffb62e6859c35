"""The trace of an agent as entries and rows."""
