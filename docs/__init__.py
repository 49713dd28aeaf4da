"""Pictures of the pages, and the script that takes them."""
