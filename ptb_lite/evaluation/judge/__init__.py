"""Scores that take a language model to give: two benchmarks' answers, judged at an endpoint."""
