"""Templates and rules as YAML, and the code that reads them."""
