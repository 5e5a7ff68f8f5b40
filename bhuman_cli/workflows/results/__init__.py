"""What is done with the results of a run: kept up to date, fetched, exported, shown, summarised."""
