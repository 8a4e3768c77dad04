"""The renderer beside others: times and memory."""
