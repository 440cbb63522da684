//! Metrics, rollouts, baselines and comparison.
