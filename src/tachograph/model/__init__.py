"""Pure values and arithmetic: messages, prices, periods."""
