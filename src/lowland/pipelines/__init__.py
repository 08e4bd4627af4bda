"""The Kedro layer: nodes unpack configuration, call the library and shape the table."""
