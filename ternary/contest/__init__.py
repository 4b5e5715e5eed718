"""The 100 kB contest."""
