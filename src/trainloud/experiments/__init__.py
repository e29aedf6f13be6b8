"""Counterfactual runs: which are worth their time, and running them side by side within a budget."""
