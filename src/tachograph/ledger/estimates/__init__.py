"""Tables of training data and forecasts."""
