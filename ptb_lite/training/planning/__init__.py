"""How a training run is carried out on this machine: pure choices, each with its reason."""
