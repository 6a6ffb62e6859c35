"""vLLM as the engine, where it is installed."""
