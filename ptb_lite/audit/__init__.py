"""What construction cannot prevent is looked for here: detectors, flags with evidence, verdict."""
