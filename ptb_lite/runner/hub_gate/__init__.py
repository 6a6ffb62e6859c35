"""The Hub through a gate: the agent's `HF_ENDPOINT`, which decides file by file what passes."""
