"""The project: wires the correction engine and the business data together into one back office."""
