"""Results of other harnesses as runs beside those made here."""
