"""What the agent finds: its prompt, its data, evaluate.py, timer.sh."""
