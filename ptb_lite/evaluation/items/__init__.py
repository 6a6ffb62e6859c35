"""Where the items of a benchmark come from, and their three splits."""
