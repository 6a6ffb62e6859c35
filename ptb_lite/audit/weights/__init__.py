"""Reading and comparing weights that nobody vouches for."""
