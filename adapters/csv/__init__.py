"""CSV: a table of numbers, what its header says of them, and what is declared beside it."""
