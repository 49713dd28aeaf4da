"""One run is one folder, and only here are its files named. A waiting worker imports single modules of it."""
