"""The numerics: pure functions on arrays, without input or output."""
