"""How approved content reaches business rows: values in, rows locked and compared, written through the gate."""
