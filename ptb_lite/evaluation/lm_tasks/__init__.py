"""Any task of lm-eval as a benchmark, graded by lm-eval itself."""
