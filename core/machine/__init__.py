"""What the machine has, and which process holds it. Small: every waiting worker imports it."""
