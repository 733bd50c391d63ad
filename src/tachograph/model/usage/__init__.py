"""Messages, prices, periods and projects: values and arithmetic of usage."""
