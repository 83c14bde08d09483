"""The API against a real Redis, real Delta tables and a real protocol of the broker."""
