//! What is hidden, filled as smoothly as a membrane that hangs on what is seen around it.
//!
//! By a pyramid of weighted means (push and pull: Gortler et al. 1996, "The Lumigraph", section 3.4).

/// Three numbers of a pixel, and 1 where they are known, else 0.
pub(super) type Known = [f32; 4];

/// The three numbers of each pixel of (H, W): as they are where they are known, elsewhere from around; 0 where none is.
pub(super) fn membrane(values: &[Known], (height, width): (usize, usize)) -> Vec<[f32; 3]> {
    if height * width <= 1 {
        return values
            .iter()
            .map(|[a, b, c, w]| [a * w, b * w, c * w])
            .collect();
    }
    let size = (height.div_ceil(2), width.div_ceil(2));
    let coarser: Vec<Known> = (0..size.0 * size.1)
        .map(|at| {
            let (top, left) = (2 * (at / size.1), 2 * (at % size.1));
            let mut mean = [0.0; 4];
            for row in top..(top + 2).min(height) {
                for [a, b, c, weight] in
                    &values[row * width + left..row * width + (left + 2).min(width)]
                {
                    for (sum, value) in mean.iter_mut().zip([a, b, c]) {
                        *sum += weight * value;
                    }
                    mean[3] += weight;
                }
            }
            let [a, b, c, weight] = mean;
            let each = weight.max(f32::MIN_POSITIVE);
            [a / each, b / each, c / each, weight.min(1.0)]
        })
        .collect();
    let coarser = membrane(&coarser, size);
    let along = |index: usize, length: usize| {
        let place = (0.5 * index as f32 - 0.25).clamp(0.0, (length - 1) as f32);
        let first = place as usize;
        (first, (first + 1).min(length - 1), place - first as f32)
    };
    let each = values.iter().enumerate();
    each.map(|(at, &[a, b, c, weight])| {
        let known = [a, b, c];
        if weight == 1.0 {
            return known;
        }
        let (above, below, down) = along(at / width, size.0);
        let (left, right, across) = along(at % width, size.1);
        let mut filled = [0.0; 3];
        for (n, filled) in filled.iter_mut().enumerate() {
            let of = |row: usize| {
                let [one, other] = [left, right].map(|column| coarser[row * size.1 + column][n]);
                one + across * (other - one)
            };
            let (high, low) = (of(above), of(below));
            *filled = weight * known[n] + (1.0 - weight) * (high + down * (low - high));
        }
        filled
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hole_in_a_slope_is_filled() {
        let (height, width) = (21, 30);
        let slope = |at: usize| 0.02 * (at % width) as f32 - 0.01 * (at / width) as f32;
        let hidden = |at: usize| (6..13).contains(&(at / width)) && (8..17).contains(&(at % width));
        let value = |at: usize| match hidden(at) {
            true => [9.0, 9.0, 9.0, 0.0],
            false => [slope(at), 1.0, -slope(at), 1.0],
        };
        let values: Vec<Known> = (0..height * width).map(value).collect();
        for (at, [one, same, other]) in membrane(&values, (height, width)).into_iter().enumerate() {
            let most = if hidden(at) { 0.05 } else { 0.0 };
            assert!((one - slope(at)).abs() <= most, "{at}: {one} {}", slope(at));
            assert!((same - 1.0).abs() < 1e-5 && (one + other).abs() < 1e-5);
        }
        assert_eq!(membrane(&[[3.0, 3.0, 3.0, 0.0]; 6], (2, 3)), [[0.0; 3]; 6]);
    }
}
