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

/// Frames of the model's size (H, W) at so many levels, each of texels twice as wide as those of the one before.
pub(super) fn pyramid(
    frames: &[PartlySeen],
    size: (usize, usize),
    levels: usize,
) -> Vec<Vec<Texels>> {
    let mut all: Vec<Vec<Texels>> = vec![frames.iter().map(|one| one.texels(size)).collect()];
    for level in 1..levels {
        let coarser = all[level - 1]
            .iter()
            .map(|frame| weighed(frame.halved(true)));
        all.push(coarser.collect());
    }
    all
}

/// Means of texels of which some are hidden as means of those that are seen.
fn weighed(mut mean: Texels) -> Texels {
    for [r, g, b, seen] in &mut mean.values {
        if *seen > 0.0 && *seen < 1.0 {
            for value in [r, g, b] {
                *value /= *seen;
            }
        }
    }
    mean
}
