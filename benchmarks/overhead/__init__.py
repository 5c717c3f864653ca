"""How much of a local run is orchestration: `python -m benchmarks.overhead`."""
