"""Analyses: the paper's figures as numbers with intervals and controls, each beside its picture."""
