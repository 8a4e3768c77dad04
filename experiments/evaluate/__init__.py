"""Many scenes on many devices, killed and continued at will."""
