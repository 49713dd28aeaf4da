"""Other machines' devices by way of Ray, which `driver` and `agent` alone import; pages read what the agent wrote."""
