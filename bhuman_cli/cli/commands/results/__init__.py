"""Commands about the results of a run: fetch, check, show, export, add up."""
