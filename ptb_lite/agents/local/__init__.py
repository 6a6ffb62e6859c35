"""The built-in agent for any OpenAI-compatible chat endpoint."""
