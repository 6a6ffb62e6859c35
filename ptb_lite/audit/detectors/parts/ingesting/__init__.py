"""Parts of the detector `ingestion`."""
