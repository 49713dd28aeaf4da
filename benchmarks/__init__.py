"""Speed, measured on the machine at hand: `python -m benchmarks` prints one table and keeps it under `results/`."""
