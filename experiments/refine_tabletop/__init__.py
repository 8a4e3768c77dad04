"""Errors of table-top latents before and after gradient refinement."""
