"""What a run is, what it costs, where it is kept and how it is trained; no page lives here."""
