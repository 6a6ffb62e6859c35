"""What this machine can do: checks, the preflight of a start, the GPU probe."""
