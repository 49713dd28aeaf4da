"""The pages: widgets in, core out; no rule or file of a run lives here."""
