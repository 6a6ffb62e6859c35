"""The terminal app: shows runs and starts them. It only reads journals; closing it ends no run."""
