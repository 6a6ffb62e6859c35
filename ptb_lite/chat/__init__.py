"""OpenAI-compatible chat endpoints: which address is one, and how one is asked."""
