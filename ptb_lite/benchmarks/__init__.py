"""One package per benchmark: its task file for lm-eval, its prompts, its scorer."""
