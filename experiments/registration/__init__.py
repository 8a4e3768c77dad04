"""Deformable registration with one picture, as StillebenDR does it."""
