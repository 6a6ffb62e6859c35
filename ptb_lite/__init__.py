"""ptb-lite: PostTrainBench at home."""

__version__ = "0.1.0"
