"""A third set of cases: habits of agents and of people, told by what the acts are done to."""
