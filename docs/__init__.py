"""The pages of documentation, and the scripts that write them."""
