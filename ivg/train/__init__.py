"""Training of networks: a loop that can be killed and goes on where it was."""
