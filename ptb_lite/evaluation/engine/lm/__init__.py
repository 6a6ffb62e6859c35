"""lm-eval as a library: its model, its tasks, and one job of them."""
