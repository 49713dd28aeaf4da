"""The command line: what the browser can do, without it. Heavy modules are imported inside the commands they serve."""
