"""What screens show, as frozen dataclasses made from runs and the catalogue: no terminal here."""
