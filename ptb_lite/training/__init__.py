"""QLoRA supervised fine-tuning: a library and the `ptb-lite-train` command.

Stands apart: imports nothing from ptb_lite but errors and events, and runs in its own process.
"""
