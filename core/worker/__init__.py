"""One process, one run. Torch is imported late: a waiting worker stays small."""
