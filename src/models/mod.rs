//! Predictors: y_hat(x, z).
