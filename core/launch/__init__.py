"""Start, stop, resume and delete, from the page's side. Names the worker, never imports it: no torch."""
