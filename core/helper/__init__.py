"""The warm child process of a page: what needs torch is asked there. Imports no torch itself."""
