"""What is done with the stores: look up, run, remember, explain."""
