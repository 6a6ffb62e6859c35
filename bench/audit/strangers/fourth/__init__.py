"""A fourth set of cases: whole small projects, each told twice by what its switches say."""
