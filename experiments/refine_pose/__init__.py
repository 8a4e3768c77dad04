"""Gauss-Newton beside first-order methods, on the pose of one object."""
