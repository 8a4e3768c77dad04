"""Multi-SPARC: training and comparison of networks that align models of furniture."""
