"""How does a file become rows? JSONL, CSV and Parquet, plain or gzipped, in bounded memory."""
