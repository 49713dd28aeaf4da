"""What every page has around it: the frame, its style, sign-in, failures and the pace of renewal."""
