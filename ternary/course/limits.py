"""The limits of an answer that is graded in a process of its own."""

SECONDS = 10  # of processor time; a step takes a small part of one
# Of the clock, how many times as many: a busy machine must fail no right answer. Where processor
# time cannot be limited (Windows, a page) it is the clock that counts, once.
PATIENCE = 4
MEMORY_MB = 2000  # of addresses, of which NumPy's libraries take a quarter
OUTPUT_MB = 16  # of any one file, standard output among them
