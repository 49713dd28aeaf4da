"""What the operating system gives: files, locks, folders, processes. Imports nothing of the lab."""
