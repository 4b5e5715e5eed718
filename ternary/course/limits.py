"""The limits of an answer that is graded in a process of its own."""

SECONDS = 10  # of the clock; a step takes a small part of one
MEMORY_MB = 2000  # of addresses, of which NumPy's libraries take a quarter
OUTPUT_MB = 16  # of any one file, standard output among them
