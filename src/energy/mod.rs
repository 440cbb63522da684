//! E(x, y, z), costs and free energy.
