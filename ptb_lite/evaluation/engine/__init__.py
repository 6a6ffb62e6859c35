"""lm-eval with a transformers model, in a process of its own."""
