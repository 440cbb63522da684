//! Minimisation over z, and priors p(z | x).
