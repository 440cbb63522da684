//! Predictors: y_hat(x, z).

pub mod weights;
