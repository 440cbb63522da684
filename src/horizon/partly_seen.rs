//! Frames of which some is hidden.

use super::texels::Texels;

/// A frame that came, and what of it is hidden.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartlySeen<'a> {
    /// (C, H, W) in [0, 1]. What is hidden is not looked at.
    pub frame: &'a [f32],
    /// Of each value whether it is hidden; none where all is seen.
    pub hidden: Option<&'a [bool]>,
}

impl PartlySeen<'_> {
    /// At the model's size (H, W): opaque where it is seen, 0 elsewhere.
    pub(super) fn texels(&self, size: (usize, usize)) -> Texels {
        let mut texels = Texels::of_frame(self.frame, size, 1.0);
        for index in self.hidden_values() {
            texels.values[index % (size.0 * size.1)] = [0.0; 4];
        }
        texels
    }

    /// The indices of the values that are hidden.
    pub fn hidden_values(&self) -> impl Iterator<Item = usize> {
        let hidden = self.hidden.unwrap_or_default().iter().enumerate();
        hidden.filter_map(|(index, hidden)| hidden.then_some(index))
    }
}
