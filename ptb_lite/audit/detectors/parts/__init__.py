"""Parts of detectors that are long enough for modules of their own."""
