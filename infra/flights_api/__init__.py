"""The source system: a web API over the real flights of 2013, with faults on demand."""
