"""Tables: text with separators, Parquet, Arrow, data frames; what their columns hold and which is the target."""
